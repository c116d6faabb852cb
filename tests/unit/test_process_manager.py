from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.domain.ports import Command
from backend.domain.run import Attempt, ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, RunState, Wish
from backend.executors.errors import CommandNotStarted
from backend.probes.places import LocalPlaces
from backend.services.process_manager import ProcessManager, SupervisorProgram
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.machine import FakeMachine
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, TRAINER, a_run

CPU_SLOTS = 64  # as many runs at once as a test likes


class Desk:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.executor = FakeExecutor(self.clock)
        program = SupervisorProgram(("supervise",), Path("/here"), {"PEFT_STUDIO_WORKSPACE": "/w"})
        self.machine = FakeMachine()
        places = LocalPlaces(self.machine, CPU_SLOTS)
        self.manager = ProcessManager(self.store, self.executor, self.clock, program, places)

    def add(self, run_id: str, state: RunState, wish: Wish = Wish.RUN) -> RunDirectory:
        run = a_run(run_id, state=state, wish=wish)
        self.store.create(run)
        self.executor.scripts.append(Script())
        return RunDirectory(run.run_dir)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_start_calls_the_supervisor_with_the_run_directory(desk: Desk) -> None:
    folder = desk.add("a", RunState.CREATED)
    assert desk.manager.start("a")
    assert desk.executor.commands == [
        Command(
            argv=("supervise", str(folder.root)),
            cwd=Path("/here"),
            log=folder.supervisor_log,
            lock=folder.supervisor_lock,
            environment={"PEFT_STUDIO_WORKSPACE": "/w"},
        )
    ]


def test_a_second_start_starts_nothing(desk: Desk) -> None:
    desk.add("a", RunState.CREATED)
    assert desk.manager.start("a")
    assert not desk.manager.start("a")
    assert len(desk.executor.commands) == 1


def test_reconcile_starts_exactly_what_needs_a_supervisor_and_has_none(desk: Desk) -> None:
    for state in RunState:
        desk.add(f"run-{state}", state)
        desk.add(f"stop-{state}", state, Wish.STOP)
    needy = {run.id for run in desk.store.list() if run.needs_supervisor}
    needy -= {"stop-created", "stop-queued"}  # what never began is stopped by the queue itself
    assert needy
    assert "stop-finished" not in needy
    report = desk.manager.reconcile()
    assert set(report.started) == needy
    again = desk.manager.reconcile()
    assert (again.started, set(again.alive)) == ((), needy)


def test_reconcile_leaves_alone_what_it_cannot_tell(desk: Desk) -> None:
    desk.executor.make_unknown(desk.add("a", RunState.RUNNING).supervisor_lock)
    assert desk.manager.reconcile().unknown == ("a",)
    assert desk.executor.commands == []


def test_reconcile_notices_a_death_although_the_store_did_not_change(desk: Desk) -> None:
    folder = desk.add("a", RunState.RUNNING)
    desk.manager.reconcile()
    supervisor = desk.executor.find(folder.supervisor_lock)[1]
    assert supervisor
    desk.executor.kill(supervisor)
    assert desk.manager.reconcile().started == ("a",)


def test_reconcile_reads_the_runs_only_when_something_changed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    lists: list[int] = []
    read = desk.store.list

    def read_and_count() -> Sequence[Run]:
        lists.append(1)
        return read()

    monkeypatch.setattr(desk.store, "list", read_and_count)
    desk.add("a", RunState.FINISHED, Wish.STOP)
    for _ in range(3):
        desk.manager.reconcile()
    assert len(lists) == 1
    desk.add("b", RunState.CREATED)
    assert desk.manager.reconcile().started == ("b",)
    assert len(lists) == 3, "once to see it, once with its place"
    desk.manager.reconcile()
    assert len(lists) == 3


def test_a_run_whose_supervisors_keep_ending_is_held_back_for_a_while(desk: Desk) -> None:
    desk.add("a", RunState.RUNNING)
    desk.executor.scripts = [Script(lives_seconds=1) for _ in range(9)]
    for _ in range(5):
        assert desk.manager.reconcile().started == ("a",)
        desk.clock.advance(2)
    assert desk.manager.reconcile().held_back == ("a",)
    desk.clock.advance(60)
    assert desk.manager.reconcile().started == ("a",)


def test_one_run_that_cannot_be_started_does_not_keep_the_others_from_it(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    desk.store.create(a_run("a", state=RunState.RUNNING, run_dir=tmp_path / "a"))
    desk.add("b", RunState.RUNNING)
    begin = desk.executor.start

    def start(command: Command) -> ProcessIdentity | None:
        if command.argv[-1].endswith("a"):
            raise CommandNotStarted(program="supervise", reason="no memory")
        return begin(command)

    desk.executor.start = start  # type: ignore[method-assign]
    report = desk.manager.reconcile()
    assert report.started == ("b",)
    (run_id, sentence), *_ = report.refused
    assert run_id == "a"
    assert "no memory" in sentence


def test_a_lock_taken_between_looking_and_starting_counts_as_alive(desk: Desk) -> None:
    desk.add("a", RunState.RUNNING)
    desk.executor.start = lambda command: None  # type: ignore[method-assign]
    assert desk.manager.reconcile().alive == ("a",)


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.BACKOFF, RunState.INTERRUPTED])
def test_a_stop_of_an_active_run_sees_that_somebody_grants_it(desk: Desk, state: RunState) -> None:
    desk.add("a", state)
    assert desk.manager.stop("a").wish is Wish.STOP
    assert len(desk.executor.commands) == 1


def test_a_stop_of_a_run_that_is_over_starts_nothing(desk: Desk) -> None:
    desk.add("a", RunState.FAILED, Wish.STOP)
    desk.manager.stop("a")
    assert desk.executor.commands == []


def test_liveliness_tells_who_works_on_a_run(desk: Desk) -> None:
    folder = desk.add("a", RunState.RUNNING)
    trainer = desk.executor.adoptable(folder.trainer_lock, Script())
    found = desk.manager.liveliness(desk.store.get("a"))
    assert (found.trainer, found.trainer_state) == (trainer, Liveness.ALIVE)
    assert (found.supervisor, found.supervisor_state) == (None, Liveness.DEAD)


@pytest.mark.parametrize("state", sorted(set(RunState) - {RunState.FINISHED}))
def test_a_run_whose_folder_is_gone_ends_gives_its_place_back_and_blocks_nobody(
    desk: Desk, tmp_path: Path, state: RunState
) -> None:
    attempt = Attempt(1, "token", NOON, TRAINER)
    facts = {"state": state, "slots": ("cpu:0",), "run_dir": tmp_path / "gone", "attempts": (attempt,)}
    desk.store.create(a_run("lost", **facts))
    desk.executor.refuses = CommandNotStarted(program="python", reason="no such folder")
    report = desk.manager.reconcile()
    run = desk.store.get("lost")
    assert (report.refused, run.slots, run.wish, run.error_id) == ((), (), Wish.STOP, "run-folder-gone")
    assert run.state is (RunState.STOPPED if state is RunState.FAILED else RunState.FAILED)
    assert "is gone. Bring it back and resume the run, or delete the run." in run.message
    assert run.attempts[0].ended_at is not None
    assert desk.manager.reconcile().refused == ()


def test_a_run_whose_folder_cannot_be_seen_is_left_alone_while_a_process_of_it_lives(
    desk: Desk, tmp_path: Path
) -> None:
    trainer = desk.executor.adoptable(None, Script())
    attempts = (Attempt(1, "token", NOON, trainer),)
    facts = {"state": RunState.RUNNING, "slots": ("cpu:0",), "run_dir": tmp_path / "gone", "attempts": attempts}
    desk.store.create(a_run("away", **facts))
    desk.executor.refuses = CommandNotStarted(program="python", reason="no such folder")
    assert [run_id for run_id, _ in desk.manager.reconcile().refused] == ["away"]
    assert desk.store.get("away").state is RunState.RUNNING
