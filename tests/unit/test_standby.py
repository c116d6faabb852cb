"""When a warm standby is started, used and given up, over scripted processes and a clock that only waiting moves."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import Command
from backend.domain.run_directory import RunDirectory
from backend.executors.environment import RUN_ID, TOKEN
from backend.executors.errors import CommandNotStarted
from backend.supervisor.rules import StandbyRule, TrainerProgram
from backend.supervisor.standby import Standby, Surroundings
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script

BEAT = Heartbeat("t1", 1, 7, Phase.TRAINING, 10, 1000, 0.0, seconds_per_step=1.0)
RULE = StandbyRule(is_wanted=True, after_seconds=5, min_free_bytes=2_000_000_000)


class Scene:
    def __init__(self, folder: Path, rule: StandbyRule = RULE) -> None:
        self.clock = FakeClock()
        self.executor = FakeExecutor(self.clock)
        self.said: list[str] = []
        self.available: int | None = 8_000_000_000
        self.folder = RunDirectory(folder)
        program = TrainerProgram(("trainer",), {"ALWAYS": "so"}, ("waiting",))
        gpus = {"CUDA_VISIBLE_DEVICES": "1"}
        around = Surroundings("a-run", folder, program, lambda: self.available, self.said.append, lambda: gpus)
        self.standby = Standby(self.executor, self.clock, rule, around)

    def train(self, seconds: float, **facts: object) -> None:
        """Let time pass in which the trainer does a step a second."""
        for second in range(int(seconds)):
            self.clock.advance(1)
            self.standby.tend(replace(BEAT, step=11 + second, **facts))  # type: ignore[arg-type]

    def command(self, token: str) -> Command:
        return Command(("trainer",), Path(), Path("log"), self.folder.trainer_lock, {RUN_ID: "a-run", TOKEN: token})


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    scene = Scene(tmp_path)
    scene.standby.tend(BEAT)
    return scene


def test_it_is_started_when_the_run_has_been_steady_for_the_time_set(scene: Scene) -> None:
    scene.train(4)
    assert scene.executor.waiting() == []
    scene.train(3)
    (process,) = scene.executor.waiting()
    assert scene.said == [f"a warm standby is ready, process {process.pid}"]
    scene.train(60)
    assert (len(scene.executor.waiting()), len(scene.said)) == (1, 1)
    assert scene.executor.sweep({"ALWAYS": "so", "CUDA_VISIBLE_DEVICES": "1"}) == 1, "it has what imports may depend on"


@pytest.mark.parametrize(
    "facts",
    [{"phase": Phase.LOADING}, {"phase": Phase.SAVING}, {"total_steps": 30}],
    ids=["loading", "saving", "nearly done"],
)
def test_it_is_not_started_while_it_is_of_no_use(scene: Scene, facts: dict[str, object]) -> None:
    scene.train(25, **facts)
    assert scene.executor.waiting() == []


def test_the_setting_turns_it_off(tmp_path: Path) -> None:
    scene = Scene(tmp_path, replace(RULE, is_wanted=False))
    scene.train(60)
    assert "warm" not in scene.executor.calls


def test_it_waits_for_memory_and_goes_when_memory_gets_short(scene: Scene) -> None:
    scene.available = 2_100_000_000
    scene.train(20)
    assert scene.executor.waiting() == [], "with it there would be less than has to be left"
    scene.available = 8_000_000_000
    scene.train(3)
    assert len(scene.executor.waiting()) == 1
    scene.available = 1_900_000_000
    scene.train(2)
    assert scene.executor.waiting() == []
    assert scene.said[-1] == "the warm standby was given up: only 1.9 GB of memory are left"
    scene.available = 8_000_000_000
    scene.train(20)
    assert scene.executor.waiting() == [], "not again at once"
    scene.train(20)
    assert len(scene.executor.waiting()) == 1


def test_the_next_attempt_is_the_process_that_waited_under_its_token(scene: Scene) -> None:
    scene.train(10)
    (waiting,) = scene.executor.waiting()
    token = scene.standby.next_token()
    assert scene.standby.next_token() == token
    assert scene.standby.start(scene.command(token)) == waiting
    assert scene.standby.has_become(waiting)
    assert scene.standby.next_token() != token, "the next one is another's"
    assert scene.executor.sweep({TOKEN: token}) == 1, "its environment has the token since it waits"


def test_a_command_with_another_token_starts_cold(scene: Scene) -> None:
    scene.train(10)
    (waiting,) = scene.executor.waiting()
    started = scene.standby.start(scene.command("other"))
    assert started not in (None, waiting)
    assert scene.executor.waiting() == [waiting]


def test_if_the_lock_is_taken_nobody_waits_under_the_token_of_an_open_attempt(scene: Scene) -> None:
    """The attempt was recorded with this token: a sweep of it must hit nobody who waits."""
    scene.train(10)
    scene.executor.adoptable(scene.folder.trainer_lock, Script())
    assert scene.standby.start(scene.command(scene.standby.next_token())) is None
    assert scene.executor.waiting() == []


def test_if_the_start_fails_nobody_waits_any_more(scene: Scene) -> None:
    scene.train(10)
    scene.executor.refuses = CommandNotStarted(program="trainer", reason="no memory")
    with pytest.raises(CommandNotStarted):
        scene.standby.start(scene.command(scene.standby.next_token()))
    assert scene.executor.waiting() == []


def test_one_that_ends_by_itself_is_missed_and_tried_again_later(scene: Scene) -> None:
    scene.train(10)
    (waiting,) = scene.executor.waiting()
    scene.executor.kill(waiting)
    scene.train(50)
    assert scene.said[-1] == "the warm standby is gone (exit code -9)"
    assert scene.executor.waiting() == []
    scene.train(20)
    assert len(scene.executor.waiting()) == 1


def test_one_that_was_forgotten_by_a_dead_supervisor_is_ended(scene: Scene) -> None:
    forgotten = scene.executor.adoptable(scene.folder.standby_lock, Script())
    scene.train(8)
    assert scene.executor.wait(forgotten, 0) is not None
    scene.train(40)
    assert len(scene.executor.waiting()) == 1
