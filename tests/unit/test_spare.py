"""When a dashboard keeps a spare supervisor, uses it and gives it up; and what a spare trainer may become."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from app.components.spare_line import spare_line
from backend.domain.machine import GpuReading
from backend.domain.ports import Command
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors.errors import CommandNotStarted
from backend.probes.places import LocalPlaces
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.services.spare import Memory, Spare, SpareRule, SpareState
from backend.supervisor.rules import StandbyRule, TrainerProgram, WaitingTrainer
from backend.supervisor.spare import likely_devices
from backend.supervisor.standby import Standby, Surroundings
from backend.trainer.standby import Outset
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.machine import ONE_GPU, FakeMachine
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

RULE = SpareRule(min_free_bytes=2_000_000_000, after_seconds=10)


class Dashboard:
    def __init__(self, rule: SpareRule = RULE) -> None:
        self.clock = FakeClock()
        self.executor = FakeExecutor(self.clock)
        self.store = FakeRunStore(self.clock)
        self.available: int | None = 8_000_000_000
        program = SupervisorProgram(("supervise",), Path("/w"), {"PEFT_STUDIO_WORKSPACE": "/w"})
        memory = Memory(lambda: self.available, lambda pid: pid * 1000)
        self.spare = Spare(self.executor, self.clock, program, rule, memory)
        places = LocalPlaces(FakeMachine(), 64)
        self.manager = ProcessManager(
            self.store, self.executor, self.clock, program, places, start_ahead=self.spare.start
        )

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.spare.tend()
            self.clock.advance(1)

    def start(self, run_id: str, state: RunState = RunState.CREATED) -> int:
        """Start a run; the pid of its supervisor."""
        run = a_run(run_id, state=state, wish=Wish.RUN)
        self.store.create(run)
        assert self.manager.start(run_id)
        process = self.executor.find(RunDirectory(run.run_dir).supervisor_lock)[1]
        assert process is not None
        return process.pid


@pytest.fixture
def dashboard() -> Dashboard:
    return Dashboard()


def test_it_is_prepared_some_seconds_after_the_dashboard_is_up_and_only_once(dashboard: Dashboard) -> None:
    assert dashboard.spare.state() is SpareState.NONE
    dashboard.pass_by(9)
    assert dashboard.executor.waiting() == []
    dashboard.pass_by(60)
    (process,) = dashboard.executor.waiting()
    assert dashboard.executor.calls.count("warm") == 1
    assert dashboard.spare.state() is SpareState.READY
    assert dashboard.spare.size_bytes() == process.pid * 1000
    assert dashboard.executor.sweep({"PEFT_STUDIO_WORKSPACE": "/w"}) == 1, "it has a supervisor's environment"


def test_a_new_run_is_taken_by_it_and_another_one_waits_later(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    (waiting,) = dashboard.executor.waiting()
    assert dashboard.start("a") == waiting.pid
    assert dashboard.executor.commands[-1].argv[0] == "supervise"
    dashboard.pass_by(9)
    assert dashboard.executor.waiting() == []
    dashboard.pass_by(5)
    (second,) = dashboard.executor.waiting()
    assert second != waiting


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.BACKOFF, RunState.STOPPING])
def test_a_run_that_may_have_a_trainer_gets_a_cold_supervisor(dashboard: Dashboard, state: RunState) -> None:
    dashboard.pass_by(20)
    (waiting,) = dashboard.executor.waiting()
    assert dashboard.start("a", state) != waiting.pid
    assert dashboard.executor.waiting() == [waiting]


def test_one_that_is_not_ready_or_gone_is_not_waited_for(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    (waiting,) = dashboard.executor.waiting()
    dashboard.executor.is_slow = True
    assert dashboard.spare.state() is SpareState.STARTING
    assert dashboard.start("a") != waiting.pid
    assert dashboard.executor.waiting() == [waiting]
    dashboard.executor.is_slow = False
    dashboard.executor.kill(waiting)
    assert dashboard.start("b") != waiting.pid


def test_it_does_not_stay_if_another_one_starts_the_run_in_that_moment(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    lock = Path("/w/supervisor.lock")
    dashboard.executor.adoptable(lock, Script())
    command = Command(("supervise", "/w/runs/a"), Path("/w"), Path("log"), lock)
    assert dashboard.spare.start(command) is None
    assert dashboard.executor.waiting() == []


def test_if_the_start_fails_it_does_not_stay(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    dashboard.executor.refuses = CommandNotStarted(program="supervise", reason="no memory")
    with pytest.raises(CommandNotStarted):
        dashboard.spare.start(Command(("supervise",), Path("/w"), Path("log"), Path("/w/supervisor.lock")))
    assert dashboard.executor.waiting() == []


def test_memory_decides_whether_it_is_kept(dashboard: Dashboard) -> None:
    dashboard.available = 2_500_000_000
    dashboard.pass_by(20)
    assert (dashboard.executor.waiting(), dashboard.spare.state()) == ([], SpareState.SHORT)
    dashboard.available = 8_000_000_000
    dashboard.pass_by(2)
    assert len(dashboard.executor.waiting()) == 1
    dashboard.available = 1_900_000_000
    dashboard.pass_by(2)
    assert (dashboard.executor.waiting(), dashboard.spare.state()) == ([], SpareState.SHORT)
    dashboard.available = 8_000_000_000
    dashboard.pass_by(20)
    assert dashboard.executor.waiting() == [], "not again at once"
    dashboard.pass_by(20)
    assert len(dashboard.executor.waiting()) == 1


def test_one_that_ends_by_itself_is_tried_less_and_less_often(dashboard: Dashboard) -> None:
    for _ in range(600):
        dashboard.pass_by(1)
        for process in dashboard.executor.waiting():
            dashboard.executor.kill(process)
    assert 3 <= dashboard.executor.calls.count("warm") <= 5, "after 10, then 60, 120, 240 seconds"


def test_a_lock_that_another_dashboard_holds_is_asked_again_later(dashboard: Dashboard) -> None:
    other = dashboard.executor.adoptable(Path("/w/spare.lock"), Script())
    dashboard.pass_by(30)
    assert (dashboard.executor.waiting(), dashboard.spare.size_bytes()) == ([], None)
    dashboard.executor.kill(other)
    dashboard.pass_by(30)
    assert len(dashboard.executor.waiting()) == 1


def test_with_the_dashboard_it_goes_for_good(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    dashboard.spare.let_go()
    dashboard.pass_by(60)
    assert dashboard.executor.waiting() == []


def test_the_setting_turns_it_off() -> None:
    dashboard = Dashboard(replace(RULE, is_wanted=False))
    dashboard.pass_by(60)
    assert "warm" not in dashboard.executor.calls
    assert dashboard.spare.state() is SpareState.OFF


@pytest.mark.parametrize("state", SpareState)
def test_the_line_says_what_there_is(state: SpareState) -> None:
    line = spare_line(state, 700 * 2**20)
    assert ("700 MiB" in line) == (state in (SpareState.STARTING, SpareState.READY))
    assert len({spare_line(other, None) for other in SpareState}) == len(SpareState)


def test_a_supervisor_begins_with_the_trainer_that_it_has_already(tmp_path: Path) -> None:
    clock = FakeClock()
    executor = FakeExecutor(clock)
    waiting = executor.warm(Command(("waiting",), tmp_path, tmp_path / "log", tmp_path / "spare-trainer.lock"))
    assert waiting is not None
    spare = WaitingTrainer(waiting, "its-token")
    program = TrainerProgram(("trainer",), spare=spare)
    around = Surroundings("a-run", tmp_path, program, lambda: None, lambda _: None)
    standby = Standby(executor, clock, StandbyRule(is_wanted=False), around)
    token = standby.next_token()
    assert token == spare.token
    command = Command(("trainer",), tmp_path, tmp_path / "log", tmp_path / "lock", {"PEFT_STUDIO_TOKEN": token})
    assert standby.start(command) == waiting
    assert standby.next_token() != token


TWO_GPUS = replace(ONE_GPU, gpus=(ONE_GPU.gpus[0], replace(ONE_GPU.gpus[0], index=1)))


@pytest.mark.parametrize(
    ("reading", "taken", "devices"),
    [
        (FakeMachine().reading, {}, {}),
        (ONE_GPU, {}, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        (ONE_GPU, {"gpu:0": "a"}, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        (TWO_GPUS, {"gpu:0": "a"}, {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
    ],
    ids=["no gpu", "a gpu", "the only one is busy", "the second is free"],
)
def test_it_has_the_device_that_the_next_run_will_probably_have(
    reading: GpuReading, taken: Mapping[str, str], devices: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    machine, store = FakeMachine(), FakeRunStore(FakeClock())
    machine.reading = reading
    monkeypatch.setattr(store, "slots", lambda: taken)
    assert likely_devices(LocalPlaces(machine, 1), store) == devices


def test_what_was_imported_for_any_run_serves_those_that_would_import_the_same() -> None:
    environ = {"PATH": "/bin", "PEFT_STUDIO_TOKEN": "t"}
    spare = Outset.of_any(environ)
    order = environ | {"PEFT_STUDIO_RUN_ID": "a", "PEFT_STUDIO_ATTEMPT": "1", "PEFT_STUDIO_LOCK_FD": "9"}
    same = Outset.of_any(order)
    assert spare.serves(same)
    assert spare.serves(replace(same, with_bitsandbytes=False))
    assert not replace(spare, with_bitsandbytes=False).serves(same), "it cannot be imported there"
    for name, value in (("CUDA_VISIBLE_DEVICES", "1"), ("HF_HOME", "/elsewhere"), ("OMP_NUM_THREADS", "2")):
        assert not spare.serves(Outset.of_any(order | {name: value})), name


def test_one_that_was_told_old_settings_makes_room_for_a_new_one(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    (old,) = dashboard.executor.waiting()
    dashboard.spare.follow(RULE)
    assert dashboard.executor.waiting() == []
    dashboard.pass_by(20)
    (new,) = dashboard.executor.waiting()
    assert new != old


def test_one_that_is_switched_off_goes_at_once_and_comes_back_when_it_is_wanted_again(dashboard: Dashboard) -> None:
    dashboard.pass_by(20)
    dashboard.spare.follow(SpareRule(is_wanted=False))
    assert dashboard.executor.waiting() == []
    assert dashboard.spare.state() is SpareState.OFF
    dashboard.spare.follow(RULE)
    dashboard.pass_by(20)
    assert dashboard.spare.state() is SpareState.READY
