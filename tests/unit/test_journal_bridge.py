"""JournalBridge: what any program writes about runs is told once, and exactly that."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.events import Event, RunAdded, RunChanged, RunRemoved
from backend.domain.states import RunState, Wish
from backend.errors import StorageError
from backend.services.event_bus import EventBus
from backend.services.journal_bridge import JournalBridge
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import SUPERVISOR, a_run, a_transition


class Watched:
    """A bridge over a store, and what it told."""

    def __init__(self, store: object) -> None:
        self.told: list[Event] = []
        bus = EventBus(FakeClock())
        bus.subscribe(Event, self.told.append)
        self.bridge = JournalBridge(store, bus)

    def look(self) -> list[Event]:
        self.told.clear()
        assert self.bridge.look() == len(self.told)
        return list(self.told)


def test_what_another_program_wrote_is_told_once(tmp_path: Path) -> None:
    """Two connections to one file, as a dashboard and a command line have them."""
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    ours, theirs = SqlRunStore(url, FakeClock()), SqlRunStore(url, FakeClock())
    theirs.create(a_run("old", run_dir=tmp_path / "old"))
    watched = Watched(ours)
    assert watched.look() == [], "what was there before is no news"
    theirs.create(a_run("new", run_dir=tmp_path / "new"))
    theirs.set_wish("old", Wish.STOP, "a person asked")
    assert set(watched.look()) == {RunAdded("new", RunState.CREATED), RunChanged("old", RunState.CREATED)}
    assert watched.look() == []
    fence = theirs.claim("new", SUPERVISOR).fence
    theirs.apply(a_transition(RunState.CREATED, RunState.STARTING, run_id="new", fence=fence))
    theirs.delete("old")
    assert set(watched.look()) == {RunRemoved("old", tmp_path / "old"), RunChanged("new", RunState.STARTING)}
    theirs.save_draft("a session", "{}")
    assert watched.look() == [], "drafts concern one session only"
    ours.close()
    theirs.close()


def test_a_look_without_news_reads_only_the_version() -> None:
    class Counting(FakeRunStore):
        num_lists = 0

        def list(self) -> object:
            self.num_lists += 1
            return super().list()

    store = Counting(FakeClock())
    watched = Watched(store)
    for _ in range(5):
        watched.look()
    assert store.num_lists == 1


def test_after_a_store_that_failed_the_same_news_is_told() -> None:
    class Failing(FakeRunStore):
        fails = False

        def list(self) -> object:
            if self.fails:
                raise StorageError
            return super().list()

    store = Failing(FakeClock())
    watched = Watched(store)
    watched.look()
    store.create(a_run("new"))
    store.fails = True
    with pytest.raises(StorageError):
        watched.bridge.look()
    store.fails = False
    assert watched.look() == [RunAdded("new", RunState.CREATED)]


@given(
    st.lists(
        st.one_of(st.tuples(st.sampled_from(["create", "annotate", "delete"]), st.sampled_from("abc")), st.just("look"))
    )
)
def test_whoever_follows_the_events_knows_the_runs(steps: list[object]) -> None:
    clock = FakeClock()
    store = FakeRunStore(clock)
    watched = Watched(store)
    watched.look()
    known: set[str] = set()
    for number, step in enumerate([*steps, "look"]):
        clock.advance(1)
        if step == "look":
            for event in watched.look():
                if isinstance(event, RunRemoved):
                    known.remove(event.run_id)
                elif isinstance(event, RunAdded):
                    assert event.run_id not in known
                    known.add(event.run_id)
                else:
                    assert event.run_id in known
            assert known == {run.id for run in store.list()}
            continue
        verb, run_id = step
        exists = run_id in {run.id for run in store.list()}
        if verb == "create" and not exists:
            store.create(a_run(run_id))
        elif verb == "annotate" and exists:
            store.annotate(run_id, notes=f"{number}")
        elif verb == "delete" and exists:
            store.delete(run_id)
