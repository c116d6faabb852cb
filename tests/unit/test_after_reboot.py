"""What becomes of runs that were active when the machine went down: the decision, and its writing."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.domain.ports import RunStore
from backend.domain.reboot import MACHINE_RESTARTED, RebootPolicy, after_reboot
from backend.domain.run import Attempt, ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from backend.domain.transition import AttemptStart
from backend.services.after_reboot import AfterReboot
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, SUPERVISOR, TRAINER, a_run, a_transition

ACTIVE = (RunState.STARTING, RunState.RUNNING, RunState.PAUSING, RunState.STOPPING, RunState.BACKOFF)
AFTER = "the boot after"


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("wish", Wish)
def test_only_active_runs_that_are_to_go_on_are_judged(state: RunState, wish: Wish) -> None:
    run = a_run(state=state, wish=wish, supervisor=SUPERVISOR)
    is_judged = wish is Wish.RUN and state in (*ACTIVE, RunState.INTERRUPTED)
    for policy, target in ((RebootPolicy.ASK, RunState.PAUSED), (RebootPolicy.LEAVE, RunState.STOPPED)):
        rest = after_reboot(run, AFTER, policy)
        assert (rest.state if rest else None) is (target if is_judged else None)
        assert after_reboot(run, SUPERVISOR.boot_id, policy) is None, "the same boot"
    assert after_reboot(run, AFTER, RebootPolicy.RESUME) is None


@pytest.mark.parametrize(
    ("supervisor", "trainer", "is_judged"),
    [
        ("old", "old", True),
        (AFTER, "old", False),  # a supervisor of this boot has taken it
        (None, "old", True),
        (None, AFTER, False),
        (None, None, False),
    ],
)
def test_the_newest_record_decides(supervisor: str | None, trainer: str | None, is_judged: bool) -> None:
    attempts = (an_attempt(trainer),) if trainer else ()
    process = ProcessIdentity(1, 2, supervisor) if supervisor else None
    run = a_run(state=RunState.RUNNING, supervisor=process, attempts=attempts)
    assert (after_reboot(run, AFTER, RebootPolicy.ASK) is not None) is is_judged


def an_attempt(boot_id: str) -> Attempt:
    return Attempt(1, "token", NOON, ProcessIdentity(3, 4, boot_id))


@pytest.fixture(params=["fake", "sqlite"])
def store(request: pytest.FixtureRequest, clock: FakeClock, tmp_path: Path) -> Iterator[RunStore]:
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    made: RunStore = FakeRunStore(clock) if request.param == "fake" else SqlRunStore(url, clock)
    yield made
    made.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def executor(clock: FakeClock) -> FakeExecutor:
    return FakeExecutor(clock)


Make = Callable[..., AfterReboot]


@pytest.fixture
def make(store: RunStore, executor: FakeExecutor, clock: FakeClock) -> Make:
    def made(policy: str, boot_id: str = AFTER) -> AfterReboot:
        return AfterReboot(store, executor, clock, policy, boot_id)

    return made


def bring(store: RunStore, state: RunState, run_id: str = "a-run") -> Run:
    """A run with an attempt, in a state."""
    store.create(a_run(run_id))
    store.claim(run_id, SUPERVISOR)
    begin = AttemptStart(1, "token", None)
    path = [RunState.STARTING, RunState.RUNNING] + ([state] if state is not RunState.RUNNING else [])
    if state is RunState.STARTING:
        path = path[:1]
    source = RunState.CREATED
    for target in path:
        is_first = target is RunState.STARTING
        change = a_transition(
            source, target, run_id=run_id, begin=begin if is_first else None, process=TRAINER if is_first else None
        )
        store.apply(change)
        source = target
    return store.get(run_id)


@pytest.mark.parametrize("state", [*ACTIVE, RunState.INTERRUPTED])
@pytest.mark.parametrize(
    ("policy", "target", "wish"),
    [("ask", RunState.PAUSED, Wish.PAUSE), ("leave", RunState.STOPPED, Wish.STOP)],
)
def test_what_was_active_is_laid_to_rest(
    store: RunStore, make: Make, state: RunState, policy: str, target: RunState, wish: Wish
) -> None:
    bring(store, state)
    reboots = make(policy)
    assert reboots.settle() == ("a-run",)
    run = store.get("a-run")
    assert (run.state, run.wish, run.error_id, run.needs_supervisor) == (target, wish, MACHINE_RESTARTED, False)
    assert run.message.startswith("The machine was restarted")
    journal = store.journal("a-run")
    assert journal[-1].target is target
    assert journal[-1].reason.startswith("the machine was restarted; ")
    if state is not RunState.INTERRUPTED:
        assert journal[-2].target is RunState.INTERRUPTED
        assert run.attempts[0].reason == "the machine was restarted"
        assert run.attempts[0].ended_at is not None
    assert reboots.settle() == ()


def test_under_resume_and_within_a_boot_nothing_is_written(store: RunStore, make: Make) -> None:
    before = bring(store, RunState.RUNNING)
    assert make("resume").settle() == ()
    assert make("ask", SUPERVISOR.boot_id).settle() == ()
    assert store.get("a-run") == before


def test_a_run_that_somebody_works_on_is_left_to_him_and_looked_at_again(
    store: RunStore, make: Make, executor: FakeExecutor
) -> None:
    folder = RunDirectory(bring(store, RunState.RUNNING).run_dir)
    reboots = make("ask")
    for lock in (folder.supervisor_lock, folder.trainer_lock):
        holder = executor.adoptable(lock, Script())
        assert reboots.settle() == ()
        executor.kill(holder)
    executor.make_unknown(folder.trainer_lock)
    assert reboots.settle() == ()
    executor.make_unknown(folder.trainer_lock, is_unknown=False)
    assert reboots.settle() == ("a-run",)


def test_of_two_that_look_at_once_one_writes(
    store: RunStore, make: Make, executor: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one comes between our reading and our writing, as does a supervisor that takes the run."""
    bring(store, RunState.RUNNING)
    bring(store, RunState.RUNNING, "b-run")
    find, others = executor.find, [True]

    def find_late(lock: Path) -> object:
        if others and lock.name == "trainer.lock":
            others.pop()
            make("ask").settle()
            store.create(a_run("c-run"))
        return find(lock)

    monkeypatch.setattr(executor, "find", find_late)
    make("leave").settle()
    assert {store.get(name).state for name in ("a-run", "b-run")} == {RunState.PAUSED}
    assert len(store.journal("a-run")) == 4

    store.set_wish("a-run", Wish.RUN, "a person resumes it")
    newer = store.claim("a-run", ProcessIdentity(9, 9, AFTER))
    assert make("ask").settle() == ()
    assert store.get("a-run") == newer


def test_reconcile_asks_first_and_starts_only_what_goes_on(store: RunStore, executor: FakeExecutor, make: Make) -> None:
    bring(store, RunState.RUNNING)
    store.create(a_run("new"))
    program = SupervisorProgram(("supervise",), Path("/here"), {})
    manager = ProcessManager(store, executor, FakeClock(), program, after_reboot=make("ask").settle)
    assert manager.reconcile().started == ("new",)
    store.set_wish("a-run", Wish.RUN, "a person resumes it")
    assert manager.reconcile().started == ("a-run",)


@pytest.mark.parametrize(
    ("state", "wish", "error_id", "needs"),
    [
        (RunState.PAUSED, Wish.PAUSE, MACHINE_RESTARTED, True),
        (RunState.PAUSED, Wish.RUN, MACHINE_RESTARTED, False),
        (RunState.PAUSED, Wish.PAUSE, "", False),
        (RunState.FAILED, Wish.STOP, "out-of-memory", True),
        (RunState.STOPPED, Wish.STOP, MACHINE_RESTARTED, False),
    ],
)
def test_who_needs_a_person(state: RunState, wish: Wish, error_id: str, needs: bool) -> None:
    view = RunView(a_run(state=state, wish=wish, error_id=error_id), 0, 0, None, False, None, None, None)
    assert view.needs_person is needs
