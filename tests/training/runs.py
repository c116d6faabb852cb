"""Run directories for tests, attempts on them, and what they leave behind."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Phase
from backend.domain.run_directory import RunDirectory
from config.yaml_files import dump_yaml
from tests.fakes.tiny_models import tiny_model
from tests.untraced import untraced

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 240.0
MEASURED = ("perf/", "gpu/", "system/")  # times and machines differ between runs


@dataclass(frozen=True)
class Room:
    """Where the models and the dataset lie."""

    models: dict[str, Path]
    dataset: Path


def make_room(folder: Path) -> Room:
    rows = [sum_row(a, b) for a in range(6) for b in range(7)]
    dataset = folder / "sums.jsonl"
    dataset.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = [turn["content"] for row in rows for turn in row["messages"]]
    names = ("llama", "gemma3", "qwen3")
    return Room({name: tiny_model(folder / name, name, corpus) for name in names}, dataset)


def sum_row(a: int, b: int) -> dict[str, list[dict[str, str]]]:
    """A conversation whose length varies with the numbers."""
    question = f"What is {a} plus {b}?" + " Please!" * (a % 3)
    answer = f"{a} plus {b} is {a + b}."
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns}


class MakeRun:
    """Makes run directories; keywords are sections of a RunConfig."""

    def __init__(self, room: Room, folder: Path) -> None:
        self.room = room
        self._folder = folder

    def __call__(self, name: str = "run", *, model: str = "llama", **sections: Any) -> RunDirectory:
        run = RunDirectory(self._folder / name)
        run.logs.mkdir(parents=True)
        training = {"max_steps": 12, "learning_rate": 5e-3, "save_steps": 5} | sections.pop("training", {})
        config = {
            "base_model": str(self.room.models[model]),
            "dataset": str(self.room.dataset),
            "method": {"name": "lora", "dropout": 0.1},
            "training": training,
        }
        run.config.write_text(dump_yaml(config | sections), encoding="utf-8")
        return run


def attempt_here(
    run: RunDirectory, *, crash_at: int | None = None, stop_at: int | None = None, stop_in: Phase | None = None
) -> Any:
    """One attempt in this process; it crashes or is asked to stop when a step is done, or as a phase begins.

    Gives the trained model.
    """
    from backend.trainer.attempt import OwnAttempt
    from backend.trainer.heartbeat import HeartbeatWriter
    from backend.trainer.order import read_order
    from backend.trainer.parts import Work
    from backend.trainer.stop import StopFlag
    from backend.trainer.training import train

    stop = StopFlag()

    class Watched(HeartbeatWriter):
        def beat(self, phase: Phase | None = None, **signs: Any) -> None:
            super().beat(phase, **signs)
            step = signs.get("step")
            if phase is not None and phase is stop_in:
                stop.request()
            if phase is Phase.TRAINING and step is not None and step == crash_at:
                raise Crash
            if phase is Phase.TRAINING and step is not None and step == stop_at:
                stop.request()

    heartbeat = Watched(run.heartbeat, token="t", attempt=1)  # noqa: S106 - a fence
    return train(Work(OwnAttempt(run, 1, "t"), read_order(run), heartbeat, stop)).model


class Crash(BaseException):
    """What nobody catches, like a kill."""


SIGNALLED = """
import os, sys
from backend.trainer.__main__ import main
from backend.trainer.heartbeat import HeartbeatWriter

phase, step, number = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
beat = HeartbeatWriter.beat

def watched(self, *args, **signs):
    beat(self, *args, **signs)
    if (self.last.phase, self.last.step) == (phase, step):
        HeartbeatWriter.beat = beat
        os.kill(os.getpid(), number)

HeartbeatWriter.beat = watched
sys.exit(main(sys.argv[1:2]))
"""


def spawn(
    run: RunDirectory, *, at: tuple[Phase, int, int] | None = None, **environment: str
) -> subprocess.Popen[bytes]:
    """One attempt in a real process, as the supervisor starts it, but with the lock left to the trainer.

    `at` is a phase, a step and the number of a signal that the process gets just then, however slow we are.
    """
    words = ["-m", "backend.trainer", str(run.root)]
    if at is not None:
        words = ["-c", SIGNALLED, str(run.root), str(at[0]), str(at[1]), str(int(at[2]))]
    with run.log(1).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env=untraced(os.environ) | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def finish(process: subprocess.Popen[bytes]) -> int:
    return process.wait(PATIENCE_SECONDS)


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def exit_record(run: RunDirectory) -> ExitRecord:
    record = ExitRecord.from_json(read(run.exit_record(1)))
    assert record is not None, read(run.log(1))
    return record


def curves(run: RunDirectory) -> dict[str, list[tuple[int, float]]]:
    """Every series but what was measured of the machine, as `all_curves`."""
    return {tag: points for tag, points in all_curves(run).items() if not tag.startswith(MEASURED)}


def all_curves(run: RunDirectory) -> dict[str, list[tuple[int, float]]]:
    """Every series, read by TensorBoard's own reader, which obeys restart markers."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(run.tensorboard), size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(point.step, point.value) for point in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def weights(run: RunDirectory) -> bytes:
    file = run.adapter / "adapter_model.safetensors"
    return (file if file.exists() else run.model / "model.safetensors").read_bytes()


def checkpoints(run: RunDirectory) -> set[str]:
    return {path.name for path in run.checkpoints.iterdir()}
