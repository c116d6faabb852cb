"""What every RunStore promises; the same assertions hold for the fake and for the real store."""

from collections.abc import Callable, Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from backend.domain.ports import RunStore
from backend.domain.run import Attempt, JournalLine, Origin
from backend.domain.states import TRANSITIONS, RunState, Wish, may_become
from backend.domain.transition import Arrangement, AttemptEnd, AttemptStart, Requeueing
from backend.store.errors import IllegalTransition, RunExists, RunNotFound, StaleTransition, StoreUnavailable
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, SUPERVISOR, TRAINER, a_run, a_transition


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture(params=["fake", "sqlite"])
def store(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[RunStore]:
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    made: RunStore = FakeRunStore(clock) if request.param == "fake" else SqlRunStore(url, clock)
    yield made
    made.close()


@pytest.fixture
def claimed(store: RunStore) -> RunStore:
    store.create(a_run())
    store.claim("a-run", SUPERVISOR)
    return store


BEGIN = AttemptStart(1, "token-1", None)
TO_STARTING = a_transition(RunState.CREATED, RunState.STARTING, begin=BEGIN, process=TRAINER)


def test_a_created_run_comes_back_as_it_was(store: RunStore) -> None:
    attempt = Attempt(1, "token", NOON, TRAINER, NOON + timedelta(seconds=1.5), -9, 50, 420, "killed")
    run = a_run(
        notes="ü\n",
        tags=("b", "a"),
        attempts=(attempt,),
        supervisor=SUPERVISOR,
        failures=2,
        priority=-3,
        after="another-run",
        retries=2,
        queued_at=NOON,
        keeps_slot=True,
        slots=("cpu:0", "gpu:1"),
        origin=Origin("a-parent", "fork", 400),
    )
    store.create(run)
    assert store.get("a-run") == run
    assert store.list() == (run,)


def test_times_keep_their_microseconds_and_their_moment_in_any_zone(store: RunStore) -> None:
    at = (NOON + timedelta(microseconds=123_456)).astimezone(timezone(timedelta(hours=5, minutes=30)))
    store.create(a_run(created_at=at))
    assert store.get("a-run").created_at == at
    assert store.get("a-run").created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("target", "keeps_slot", "is_left"),
    [
        (RunState.FINISHED, True, True),
        (RunState.STOPPED, False, True),
        (RunState.FAILED, False, True),
        (RunState.PAUSED, False, True),
        (RunState.PAUSED, True, False),
        (RunState.BACKOFF, False, False),
        (RunState.INTERRUPTED, False, False),
    ],
)
def test_slots_are_given_back_with_the_transition_that_ends_or_pauses_a_run(
    store: RunStore, target: RunState, keeps_slot: bool, is_left: bool
) -> None:
    store.create(a_run(state=RunState.RUNNING, slots=("gpu:0",), keeps_slot=keeps_slot))
    store.claim("a-run", SUPERVISOR)
    changed = store.apply(a_transition(RunState.RUNNING, target))
    assert changed.slots == (() if is_left else ("gpu:0",))
    assert store.get("a-run") == store.list()[0] == changed


def test_a_restored_run_gets_its_slots_only_if_nobody_holds_any_of_them(store: RunStore) -> None:
    store.create(a_run(slots=("gpu:0",)))
    store.restore(a_run("other", slots=("gpu:0", "gpu:1")), ())
    store.restore(a_run("third", slots=("gpu:1", "gpu:2")), ())
    assert store.get("other").slots == ()
    assert store.get("third").slots == ("gpu:1", "gpu:2")
    assert store.get("a-run").slots == ("gpu:0",)


def test_unsettled_runs_are_those_that_need_a_supervisor(store: RunStore) -> None:
    for i, (state, wish) in enumerate((state, wish) for state in RunState for wish in Wish):
        store.create(a_run(f"run-{i}", state=state, wish=wish, created_at=NOON + timedelta(seconds=i)))
    expected = [run.id for run in store.list() if run.needs_supervisor]
    assert [run.id for run in store.unsettled()] == expected
    assert len(expected) == 38


def test_an_id_is_taken_once(store: RunStore) -> None:
    store.create(a_run())
    with pytest.raises(RunExists):
        store.create(a_run(name="Another"))
    assert store.get("a-run").name == "A run"


def test_runs_are_listed_newest_first(store: RunStore) -> None:
    for number, run_id in enumerate(["first", "third", "second"]):
        store.create(a_run(run_id, created_at=NOON + timedelta(hours=(0, 2, 1)[number])))
    assert [run.id for run in store.list()] == ["third", "second", "first"]


def test_each_run_of_a_list_has_its_own_attempts_in_order(store: RunStore) -> None:
    two = tuple(Attempt(number, f"token-{number}", NOON) for number in (2, 10))
    store.create(a_run("one", attempts=two))
    store.create(a_run("none"))
    assert {run.id: run.attempts for run in store.list()} == {"one": two, "none": ()}


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get("x"),
        lambda store: store.journal("x"),
        lambda store: store.set_wish("x", Wish.STOP, ""),
        lambda store: store.claim("x", SUPERVISOR),
        lambda store: store.apply(a_transition(RunState.CREATED, RunState.STARTING, run_id="x")),
        lambda store: store.remark("x", 0, ""),
        lambda store: store.annotate("x", name=""),
        lambda store: store.delete("x"),
    ],
)
def test_whatever_is_asked_of_an_unknown_run_is_run_not_found(
    store: RunStore, use: Callable[[RunStore], object]
) -> None:
    with pytest.raises(RunNotFound) as caught:
        use(store)
    assert "x" in caught.value.explain().what
    assert store.list() == ()


def test_a_wish_is_recorded_with_its_reason_and_time(store: RunStore, clock: FakeClock) -> None:
    store.create(a_run())
    clock.advance(3)
    changed = store.set_wish("a-run", Wish.STOP, "a person said stop")
    later = NOON + timedelta(seconds=3)
    assert (changed.wish, changed.updated_at) == (Wish.STOP, later)
    assert store.get("a-run") == changed
    expected = JournalLine(later, RunState.CREATED, RunState.CREATED, "a person said stop")
    assert list(store.journal("a-run")) == [expected]


def test_a_wish_says_whether_a_paused_run_holds_on_to_its_slots(store: RunStore) -> None:
    store.create(a_run(state=RunState.RUNNING, slots=("gpu:0",)))
    assert store.set_wish("a-run", Wish.PAUSE, "pause", keeps_slot=True).keeps_slot
    store.claim("a-run", SUPERVISOR)
    assert store.apply(a_transition(RunState.RUNNING, RunState.PAUSED)).slots == ("gpu:0",)
    assert store.set_wish("a-run", Wish.RUN, "resume").slots == ("gpu:0",)
    store.set_wish("a-run", Wish.PAUSE, "pause", keeps_slot=True)
    released = store.set_wish("a-run", Wish.PAUSE, "let go")
    assert (released.slots, released.keeps_slot) == ((), False)


@pytest.mark.parametrize(("said", "left"), [(Wish.RUN, Wish.PAUSE), (Wish.STOP, Wish.STOP), (Wish.PAUSE, Wish.PAUSE)])
def test_a_pause_by_the_supervisor_replaces_the_wish_to_run_only(store: RunStore, said: Wish, left: Wish) -> None:
    store.create(a_run(state=RunState.RUNNING, wish=said))
    store.claim("a-run", SUPERVISOR)
    assert store.apply(a_transition(RunState.RUNNING, RunState.PAUSING, wish=Wish.PAUSE)).wish is left


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.STOP, Wish.STOP_NOW])
def test_an_attempt_begins_only_while_it_is_wished(claimed: RunStore, wish: Wish) -> None:
    """The places of a run that is not wished any more may be another one's already."""
    claimed.set_wish("a-run", wish, "not any more")
    with pytest.raises(StaleTransition):
        claimed.apply(TO_STARTING)
    assert (claimed.get("a-run").state, claimed.get("a-run").attempts) == (RunState.CREATED, ())


def test_each_claim_raises_the_fence_and_names_the_supervisor(store: RunStore) -> None:
    store.create(a_run())
    assert store.claim("a-run", TRAINER).fence == 1
    second = store.claim("a-run", SUPERVISOR)
    assert (second.fence, second.supervisor) == (2, SUPERVISOR)
    assert store.get("a-run") == second


def test_a_transition_changes_state_attempt_and_journal_together(claimed: RunStore) -> None:
    changed = claimed.apply(TO_STARTING)
    assert (changed.state, changed.message, changed.updated_at) == (RunState.STARTING, "now", NOON)
    assert changed.attempts == (Attempt(1, "token-1", NOON, TRAINER),)
    assert claimed.get("a-run") == changed
    line = JournalLine(NOON, RunState.CREATED, RunState.STARTING, "because", 1)
    assert list(claimed.journal("a-run")) == [line]


def test_an_attempt_ends_and_the_next_one_begins(claimed: RunStore) -> None:
    claimed.apply(TO_STARTING)
    end = AttemptEnd(exit_code=-9, last_step=420, reason="killed")
    at = NOON + timedelta(minutes=1)
    claimed.apply(a_transition(RunState.STARTING, RunState.BACKOFF, end=end, at=at, failures=1, error_id="oom"))
    begin = AttemptStart(2, "token-2", 400)
    run = claimed.apply(a_transition(RunState.BACKOFF, RunState.STARTING, begin=begin))
    first, second = run.attempts
    assert first == Attempt(1, "token-1", NOON, TRAINER, at, -9, None, 420, "killed")
    assert (second.number, second.resumed_from_step, second.process, second.ended_at) == (2, 400, None, None)
    assert (run.failures, run.error_id) == (1, "oom")
    assert [line.attempt for line in claimed.journal("a-run")] == [1, 1, 2]


def test_none_leaves_failures_error_and_wish_as_they_are(claimed: RunStore) -> None:
    end = a_transition(RunState.CREATED, RunState.FAILED, failures=3, error_id="data", wish=Wish.STOP)
    failed = claimed.apply(end)
    assert (failed.failures, failed.error_id, failed.wish) == (3, "data", Wish.STOP)
    again = claimed.apply(a_transition(RunState.FAILED, RunState.STARTING))
    assert (again.failures, again.error_id, again.wish) == (3, "data", Wish.STOP)
    reset = claimed.apply(a_transition(RunState.STARTING, RunState.RUNNING, failures=0, error_id=""))
    assert (reset.failures, reset.error_id) == (0, "")


def test_a_transition_can_name_the_process_of_the_latest_attempt(claimed: RunStore) -> None:
    claimed.apply(a_transition(RunState.CREATED, RunState.STARTING, begin=BEGIN))
    run = claimed.apply(a_transition(RunState.STARTING, RunState.RUNNING, process=TRAINER))
    assert run.attempts[0].process == TRAINER


@pytest.mark.parametrize("source", RunState)
@pytest.mark.parametrize("target", RunState)
def test_only_the_arrows_of_the_table_are_made(store: RunStore, source: RunState, target: RunState) -> None:
    store.create(a_run(state=source, fence=1))
    if may_become(source, target):
        assert store.apply(a_transition(source, target)).state is target
    else:
        with pytest.raises(IllegalTransition):
            store.apply(a_transition(source, target))
        assert store.get("a-run").state is source
    assert set(TRANSITIONS) == set(RunState)


@pytest.mark.parametrize(
    "wrong",
    [
        {"end": AttemptEnd(0, 1, "")},
        {"process": TRAINER},
        {"begin": AttemptStart(0, "token", None)},
    ],
)
def test_a_transition_about_an_attempt_that_cannot_be_changes_nothing(claimed: RunStore, wrong: dict[str, Any]) -> None:
    before = claimed.get("a-run")
    with pytest.raises(IllegalTransition):
        claimed.apply(a_transition(RunState.CREATED, RunState.STARTING, **wrong))
    assert claimed.get("a-run") == before
    assert list(claimed.journal("a-run")) == []


def test_an_attempt_number_is_never_used_twice(claimed: RunStore) -> None:
    claimed.apply(TO_STARTING)
    claimed.apply(a_transition(RunState.STARTING, RunState.BACKOFF))
    with pytest.raises(IllegalTransition):
        claimed.apply(a_transition(RunState.BACKOFF, RunState.STARTING, begin=BEGIN))
    assert claimed.get("a-run").state is RunState.BACKOFF


def test_a_supervisor_that_lost_its_run_writes_nothing(claimed: RunStore) -> None:
    claimed.claim("a-run", TRAINER)
    before, version = claimed.get("a-run"), claimed.version()
    with pytest.raises(StaleTransition):
        claimed.apply(TO_STARTING)
    with pytest.raises(StaleTransition):
        claimed.remark("a-run", 1, "still here")
    assert claimed.get("a-run") == before
    assert list(claimed.journal("a-run")) == []
    assert claimed.version() == version


def test_a_transition_from_a_state_that_is_over_writes_nothing(claimed: RunStore) -> None:
    claimed.apply(TO_STARTING)
    with pytest.raises(StaleTransition):
        claimed.apply(TO_STARTING)
    assert len(claimed.get("a-run").attempts) == 1


def test_a_remark_adds_a_line_and_may_name_the_process(claimed: RunStore, clock: FakeClock) -> None:
    claimed.apply(a_transition(RunState.CREATED, RunState.STARTING, begin=BEGIN))
    clock.advance(1)
    run = claimed.remark("a-run", 1, "adopted", TRAINER)
    assert run.attempts[0].process == TRAINER
    later = NOON + timedelta(seconds=1)
    line = JournalLine(later, RunState.STARTING, RunState.STARTING, "adopted", 1)
    assert claimed.journal("a-run")[-1] == line


def test_a_remark_on_a_run_without_attempts_is_only_a_line(claimed: RunStore) -> None:
    assert claimed.remark("a-run", 1, "waiting", TRAINER).attempts == ()
    assert [line.reason for line in claimed.journal("a-run")] == ["waiting"]


def test_notes_and_tags_change_apart_from_each_other(store: RunStore) -> None:
    store.create(a_run())
    store.annotate("a-run", notes="good")
    store.annotate("a-run", tags=["best", "paper"])
    run = store.annotate("a-run", name="Renamed")
    assert (run.name, run.notes, run.tags) == ("Renamed", "good", ("best", "paper"))
    assert store.annotate("a-run", tags=()).tags == ()
    assert store.get("a-run").notes == "good"


def test_a_deleted_run_leaves_nothing_behind(claimed: RunStore) -> None:
    claimed.apply(TO_STARTING)
    claimed.delete("a-run")
    assert claimed.list() == ()
    claimed.create(a_run())
    assert claimed.get("a-run").attempts == ()
    assert list(claimed.journal("a-run")) == []


def test_restoring_replaces_everything_about_a_run(claimed: RunStore) -> None:
    claimed.apply(TO_STARTING)
    run = a_run(state=RunState.STOPPED, fence=7, attempts=(Attempt(3, "token-3", NOON),), tags=("x",))
    lines = [JournalLine(NOON, RunState.CREATED, RunState.STOPPED, f"line {number}") for number in range(3)]
    claimed.restore(run, lines)
    assert claimed.get("a-run") == run
    assert list(claimed.journal("a-run")) == lines


def test_the_version_changes_with_every_change_of_a_run_and_with_nothing_else(store: RunStore) -> None:
    versions = [store.version()]
    for change in (
        lambda: store.create(a_run()),
        lambda: store.set_wish("a-run", Wish.RUN, ""),
        lambda: store.claim("a-run", SUPERVISOR),
        lambda: store.apply(TO_STARTING),
        lambda: store.remark("a-run", 1, ""),
        lambda: store.annotate("a-run", notes="x"),
        lambda: store.restore(a_run(), []),
        lambda: store.delete("a-run"),
    ):
        change()
        store.list()
        store.save_draft("key", "{}")
        versions.append(store.version())
        assert store.version() == versions[-1]
    assert len(set(versions)) == len(versions)


def test_a_list_is_never_older_than_the_last_change(store: RunStore) -> None:
    store.create(a_run())
    for number in range(5):
        store.annotate("a-run", name=str(number))
        assert [run.name for run in store.list()] == [str(number)]


def test_a_draft_is_kept_until_it_is_replaced(store: RunStore) -> None:
    assert store.load_draft("key") is None
    store.save_draft("key", "one")
    store.save_draft("other", "two")
    store.save_draft("key", '{"ü": 1}')
    assert (store.load_draft("key"), store.load_draft("other")) == ('{"ü": 1}', "two")


def test_drafts_are_listed_by_the_beginning_of_their_keys_and_can_be_forgotten(store: RunStore) -> None:
    for key in ("form:a", "form_b", "other", "form:c"):
        store.save_draft(key, f"text of {key}")
    assert {kept.key: kept.text for kept in store.list_drafts("form:")} == {
        "form:a": "text of form:a",
        "form:c": "text of form:c",
    }
    store.delete_draft("form:a")
    store.delete_draft("never there")
    (left,) = store.list_drafts("form:")
    assert left.key == "form:c"
    assert left.saved_at.tzinfo is not None
    assert store.load_draft("form:a") is None


def test_an_arrangement_is_made_whole_and_told(store: RunStore) -> None:
    for name in ("one", "two", "idle"):
        store.create(a_run(name, slots=("gpu:9",) if name == "idle" else ()))
    to_wait = a_transition(
        RunState.CREATED, RunState.QUEUED, run_id="two", fence=0, message="Waits.", queued_at=NOON, failures=0
    )
    change = Arrangement(("idle",), (to_wait,), {"one": ("gpu:0", "gpu:1")}, {"one": "Starts."})
    before = store.version()
    assert store.arrange(before, change)
    assert store.version() != before
    assert store.slots() == {"gpu:0": "one", "gpu:1": "one"}
    one, two = store.get("one"), store.get("two")
    assert (one.slots, one.message, one.state) == (("gpu:0", "gpu:1"), "Starts.", RunState.CREATED)
    assert (two.state, two.message, two.queued_at) == (RunState.QUEUED, "Waits.", NOON)
    assert [line.reason for line in store.journal("one")] == ["got gpu:0, gpu:1"]
    assert [line.reason for line in store.journal("idle")] == ["gave its places back unused"]


def test_an_arrangement_for_an_older_version_changes_nothing(store: RunStore) -> None:
    store.create(a_run())
    old = store.version()
    store.annotate("a-run", notes="x")
    now = store.version()
    assert not store.arrange(old, Arrangement(grants={"a-run": ("cpu:0",)}))
    assert (store.version(), store.slots(), store.get("a-run").slots) == (now, {}, ())


def test_a_place_is_never_given_twice_and_half_an_arrangement_is_never_made(store: RunStore) -> None:
    store.create(a_run("one", slots=("cpu:0",)))
    store.create(a_run("two"))
    version = store.version()
    with pytest.raises(StoreUnavailable, match="UNIQUE"):
        store.arrange(version, Arrangement(grants={"two": ("cpu:1", "cpu:0")}, messages={"one": "changed"}))
    assert store.slots() == {"cpu:0": "one"}
    assert (store.get("one").message, store.version()) == ("", version)


def test_a_transition_of_an_arrangement_is_compared_with_the_fence(store: RunStore) -> None:
    store.create(a_run())
    store.create(a_run("other"))
    store.claim("a-run", SUPERVISOR)
    too_late = a_transition(RunState.CREATED, RunState.QUEUED, fence=0)
    with pytest.raises(StaleTransition):
        store.arrange(store.version(), Arrangement(("other",), (too_late,), {"other": ("cpu:0",)}))
    assert (store.get("a-run").state, store.slots()) == (RunState.CREATED, {})


def test_runs_get_other_places_in_the_queue(store: RunStore) -> None:
    store.create(a_run(priority=1, after="x"))
    store.create(a_run("other", priority=2))
    later = NOON + timedelta(seconds=1)
    store.requeue([Requeueing("a-run", "moved", priority=5, queued_at=later), Requeueing("other", after="a-run")])
    run, other = store.get("a-run"), store.get("other")
    assert (run.priority, run.queued_at, run.after) == (5, later, "x")
    assert (other.priority, other.queued_at, other.after) == (2, None, "a-run")
    assert [line.reason for line in store.journal("a-run")] == ["moved"]
    assert store.journal("other") == [] or store.journal("other") == ()
    store.requeue([Requeueing("a-run", after="")])
    assert store.get("a-run").after == ""
    before = store.version()
    with pytest.raises(RunNotFound):
        store.requeue([Requeueing("a-run", priority=0), Requeueing("gone", priority=1)])
    assert (store.get("a-run").priority, store.version()) == (5, before)


def test_a_retry_is_counted_down_with_the_transition(store: RunStore) -> None:
    store.create(a_run(state=RunState.RUNNING, retries=2))
    store.claim("a-run", SUPERVISOR)
    assert store.apply(a_transition(RunState.RUNNING, RunState.FAILED, retries=1)).retries == 1
