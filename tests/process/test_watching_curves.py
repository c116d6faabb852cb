"""peft-studio curves --watch: real programs that print points as they are written."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from tests.fakes.event_bytes import append, restart, scalar, version, write
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process


@dataclass
class Watching:
    """A program that watches, and the lines that came through its pipe by now."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, *lines: str) -> None:
        """These were printed, and nothing else since the beginning."""
        wait_until(lambda: len(self.lines) >= len(lines), f"{lines}, not {self.lines}")
        assert self.lines == list(lines)

    def ended(self) -> tuple[int, str]:
        """Exit code and standard error of a program that is about to leave."""
        code = self.process.wait(timeout=60)
        self._reader.join()
        assert self.process.stderr
        return code, self.process.stderr.read()


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    """Programs hear SIGINT, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def watching(workspace: Path, *words: str | Path) -> Iterator[Watching]:
    process = subprocess.Popen(
        (sys.executable, "-m", "backend.cli", "curves", *words, "--watch"),
        env=os.environ | {"PEFT_STUDIO_WORKSPACE": str(workspace)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    program = Watching(process)
    try:
        yield program
    finally:
        process.kill()
        process.wait()
        program._reader.join()


def test_points_of_a_log_directory_are_printed_as_they_are_written_until_ctrl_c(
    workspace: Path, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    path = write(logs / "a", "1", [version(), scalar(1, 1.0, "loss"), scalar(2, 2.0, "loss"), scalar(2, 9.0, "lr")])
    with watching(workspace, "--logdir", logs, "--tag", "lo*") as program:
        seen = ["a\tloss\t2\t2.0"]
        program.wait_for(*seen)
        append(path, scalar(3, 3.0, "loss") + scalar(3, 9.0, "lr") + scalar(4, float("nan"), "loss")[:30])
        seen.append("a\tloss\t3\t3.0")
        program.wait_for(*seen)
        append(path, scalar(4, float("nan"), "loss")[30:])
        seen.append("a\tloss\t4\tnan")
        program.wait_for(*seen)
        write(logs / "b" / "c", "1", [version(), scalar(0, 0.5, "loss")])
        seen.append("b/c\tloss\t0\t0.5")
        program.wait_for(*seen)
        append(path, restart(3) + scalar(3, 7.0, "loss", wall_time=2000.0))
        seen.append("a\tloss\t3\t7.0")
        program.wait_for(*seen)
        program.process.send_signal(signal.SIGINT)
        assert program.ended() == (0, "")
        assert program.lines == seen


def test_watching_a_run_ends_when_it_is_over(lab: Lab, workspace: Path) -> None:
    run = lab.start(total_steps=1_000_000, step_seconds=0.02)
    lab.wait_for_step(1)
    path = write(RunDirectory(run.run_dir).tensorboard, "1", [version(), scalar(1, 1.0)])
    with watching(workspace, "a-run") as program:
        program.wait_for("train/loss\t1\t1.0")
        append(path, scalar(2, 0.5))
        program.wait_for("train/loss\t1\t1.0", "train/loss\t2\t0.5")
        append(path, scalar(3, 0.25))
        lab.wish(Wish.STOP)
        lab.wait_for_over()
        assert program.ended() == (0, "")
        assert program.lines[-1] == "train/loss\t3\t0.25"
        assert lab.get().state is RunState.STOPPED
