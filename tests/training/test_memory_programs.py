"""The programs behind a memory forecast, for real: a trace, and three real steps of which nothing stays."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from backend.domain.memory_forecast import Basis, MemoryPart
from backend.domain.memory_steps import StepsOrder
from backend.executors.piped import PipedProgram
from backend.probes.clock import SystemClock
from backend.services.hardware import HardwareService
from backend.services.jobs import JobState
from backend.services.measured_peaks import MeasuredPeaks
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_measuring import MemoryMeasuring
from backend.services.memory_room import MemoryRoom
from backend.services.model_files import ModelFiles
from backend.services.tracing_version import tracing_version
from backend.store.kept_answers import KeptAnswers
from tests.fakes.clock import FakeClock
from tests.fakes.machine import FakeMachine, FakePackages
from tests.fakes.run_configs import a_config
from tests.fakes.run_store import FakeRunStore
from tests.training.runs import Room

pytestmark = pytest.mark.training
LONG = 300.0


def command(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"backend.trainer.{name}")


def program(name: str, folder: Path) -> PipedProgram:
    return PipedProgram(command(name), folder, folder / f"{name}.log")


def desk(folder: Path) -> MemoryForecasts:
    clock, kept = SystemClock(), KeptAnswers(folder / "cache" / "memory")
    return MemoryForecasts(
        program=program("forecast", folder),
        clock=clock,
        files=ModelFiles(folder / "models"),
        kept=kept,
        room=MemoryRoom(HardwareService(FakeMachine(), FakeClock()), FakePackages(), lambda: 2**40, {}),
        peaks=MeasuredPeaks(FakeRunStore(clock), lambda _: pytest.fail("no run"), kept, tracing_version),
        version=tracing_version,
    )


def test_a_run_is_forecast_then_measured_and_both_are_kept(room: Room, tmp_path: Path) -> None:
    config = a_config(base_model=str(room.models["llama"]), dataset=str(room.dataset), training={"max_length": 64})
    forecasts = desk(tmp_path)
    deadline = time.monotonic() + LONG
    found = forecasts.ask(config, tmp_path, 5)
    while not found.is_settled and time.monotonic() < deadline:
        found = forecasts.ask(config, tmp_path, 5)
    traced = found.forecast
    assert traced is not None, found.error
    assert traced.basis is Basis.TRACED
    assert traced.trace is not None
    assert traced.parts[MemoryPart.WEIGHTS] > 0

    measuring = MemoryMeasuring(
        program=program("three_steps", tmp_path), clock=SystemClock(), forecasts=forecasts, folder=tmp_path / "steps"
    )
    job = measuring.start(config, tmp_path)
    assert job.wait(LONG)
    assert job.state is JobState.DONE, job.error
    assert list((tmp_path / "steps").iterdir()) == []
    record: Any = job.answer
    assert (record.steps, record.model_type, record.device) == (3, "llama", "cpu")
    measured = forecasts.look(config, tmp_path).forecast
    assert measured is not None
    assert measured.basis is Basis.MEASURED
    assert measured.likely_bytes == record.peak_bytes
    forecasts.close()
    measuring.close()

    again = desk(tmp_path)  # as after a restart
    assert again.look(config, tmp_path).forecast == measured
    again.close()


def test_the_steps_end_with_whoever_asked_for_them_and_leave_nothing(room: Room, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    config = a_config(base_model=str(room.models["llama"]), dataset=str(room.dataset))
    child = subprocess.Popen(
        command("three_steps"), cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(StepsOrder(folder=str(place), config=config).model_dump_json() + "\n")
    child.stdin.flush()
    assert any("progress" in said for said in child.stdout)
    child.stdin.close()  # as the kernel does with that of a program that was killed
    child.stdout.read()
    assert child.wait(LONG) >= 0  # by itself
    child.stdout.close()
    assert not place.exists() or not any(place.glob("checkpoints/*"))


def test_the_longest_rows_make_the_batch() -> None:
    from backend.trainer.trial import longest, rows_of_a_step, size_of

    rows = [{"input_ids": [0] * length} for length in (3, 9, 1, 9, 5)]
    assert [len(row["input_ids"]) for row in longest(rows, 3)] == [9, 9, 5]
    assert len(longest(rows, 50)) == 5
    assert size_of({"prompt_ids": [1, 2], "chosen_ids": [1], "rejected_ids": [1, 2, 3]}) == 5
    assert size_of({"prompt": [{"role": "user", "content": "Hello"}], "answer": None}) == 5
    grpo = {"name": "grpo", "num_generations": 4, "rewards": {"length": {"target": 20}}}
    assert rows_of_a_step(a_config(recipe=grpo, training={"batch_size": 8})) == 2
    assert rows_of_a_step(a_config(training={"batch_size": 2, "gradient_accumulation": 3})) == 6


@pytest.mark.parametrize("recipe", ["dpo"])
def test_other_recipes_are_measured_too(recipe: str, tmp_path: Path, room: Room) -> None:
    from backend.trainer.stop import StopFlag
    from backend.trainer.trial import measure

    config = a_config(base_model=str(room.models["llama"]), dataset="sample:preference.jsonl", recipe=recipe)
    said: list[str] = []
    record = measure(StepsOrder(folder=str(tmp_path), config=config), said.append, StopFlag())
    assert record.steps == 3
    assert "step 3 of 3" in said
    assert not (tmp_path / "adapter").exists()
    assert not any((tmp_path / "checkpoints").iterdir())
