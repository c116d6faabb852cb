"""A lost store is rebuilt from the run directories, and nothing that is known is touched."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.ports import RunRecord
from backend.domain.run import JournalLine
from backend.domain.states import RunState, Wish
from backend.services.reindexing import Reindexing, ReindexReport
from backend.store.errors import RecordUnreadable, StoreFull
from backend.store.records import DirectoryRecords
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, SUPERVISOR, TRAINER, a_run, a_transition


class FakeRecords:
    """Tells of the runs it was given; every other folder is unreadable."""

    def __init__(self, *records: RunRecord) -> None:
        self._records = {record.run.id: record for record in records}

    def read(self, folder: Path) -> RunRecord:
        if folder.name not in self._records:
            raise RecordUnreadable(folder=folder, detail="It tells of nothing.")
        record = self._records[folder.name]
        return replace(record, run=replace(record.run, run_dir=folder))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOON)


@pytest.fixture
def store(clock: FakeClock) -> FakeRunStore:
    return FakeRunStore(clock)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_without_a_folder_there_is_nothing_to_find(store: FakeRunStore, runs: Path, clock: FakeClock) -> None:
    assert Reindexing(store, FakeRecords(), runs, clock).run() == ReindexReport()


def test_an_unknown_run_is_restored_with_its_history_and_a_line_about_it(
    store: FakeRunStore, runs: Path, clock: FakeClock
) -> None:
    (runs / "a-run").mkdir(parents=True)
    line = JournalLine(NOON, RunState.CREATED, RunState.RUNNING, "before")
    run = a_run(state=RunState.RUNNING, fence=3)
    report = Reindexing(store, FakeRecords(RunRecord(run, (line,))), runs, clock).run()
    assert report == ReindexReport(restored=("a-run",))
    assert store.get("a-run") == replace(run, run_dir=runs / "a-run")
    first, second = store.journal("a-run")
    assert first == line
    assert (second.at, second.source, second.target) == (clock.now(), RunState.RUNNING, RunState.RUNNING)


def test_what_the_store_knows_is_left_alone(store: FakeRunStore, runs: Path, clock: FakeClock) -> None:
    (runs / "a-run").mkdir(parents=True)
    store.create(a_run(name="Known"))
    reindexing = Reindexing(store, FakeRecords(RunRecord(a_run(name="Older"))), runs, clock)
    assert reindexing.run() == ReindexReport()
    assert store.get("a-run").name == "Known"
    assert store.calls == ["create"]


def test_a_second_time_restores_nothing(store: FakeRunStore, runs: Path, clock: FakeClock) -> None:
    (runs / "a-run").mkdir(parents=True)
    reindexing = Reindexing(store, FakeRecords(RunRecord(a_run())), runs, clock)
    assert reindexing.run().restored == ("a-run",)
    assert reindexing.run() == ReindexReport()


def test_what_cannot_be_a_run_is_skipped_with_the_reason_and_stops_none_of_the_others(
    store: FakeRunStore, runs: Path, clock: FakeClock, tmp_path: Path
) -> None:
    for name in ("z-run", "empty", "No Run", ".trash"):
        (runs / name).mkdir(parents=True)
    (runs / "file.txt").write_text("")
    (tmp_path / "elsewhere").mkdir()
    (runs / "a-link").symlink_to(tmp_path / "elsewhere")
    report = Reindexing(store, FakeRecords(RunRecord(a_run("z-run"))), runs, clock).run()
    assert report.restored == ("z-run",)
    reasons = dict(report.skipped)
    assert set(reasons) == {"empty", "No Run", "a-link"}
    assert "nothing" in reasons["empty"]
    assert "name" in reasons["No Run"]
    assert "link" in reasons["a-link"]


def test_a_store_that_fails_is_not_reported_as_a_bad_folder(runs: Path, clock: FakeClock) -> None:
    class FullStore(FakeRunStore):
        def restore(self, *_: object) -> None:
            raise StoreFull(url="x", detail="")

    (runs / "a-run").mkdir(parents=True)
    with pytest.raises(StoreFull):
        Reindexing(FullStore(clock), FakeRecords(RunRecord(a_run())), runs, clock).run()


def test_a_lost_database_is_found_again_by_the_same_supervisor(tmp_path: Path, runs: Path, clock: FakeClock) -> None:
    folder = runs / "a-run"
    folder.mkdir(parents=True)
    file = tmp_path / "studio.db"
    store = SqlRunStore(f"sqlite:///{file}", clock)
    store.create(a_run(run_dir=folder))
    store.claim("a-run", SUPERVISOR)
    store.apply(a_transition(RunState.CREATED, RunState.STARTING))
    store.annotate("a-run", notes="precious", tags=["paper"])
    before, journal = store.get("a-run"), list(store.journal("a-run"))
    for path in tmp_path.glob("*studio.db*"):
        path.unlink()

    assert Reindexing(store, DirectoryRecords(), runs, clock).run().restored == ("a-run",)
    assert store.get("a-run") == before
    assert list(store.journal("a-run"))[:-1] == journal
    running = store.apply(a_transition(RunState.STARTING, RunState.RUNNING))
    assert (running.state, running.wish) == (RunState.RUNNING, Wish.RUN)
    assert store.claim("a-run", TRAINER).fence == 2
    store.close()
