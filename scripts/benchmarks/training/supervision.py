"""A run as a person starts one, in a workspace of its own, and the processor time that its supervisor takes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run_directory import RunDirectory

START = "from backend.cli.main import run; run()"
LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 900.0


def supervised_share(workspace: Path, run_yaml: Path, environment: dict[str, str]) -> float | None:
    """Seconds of processor time of the supervisor for each second of training. Raises TimeoutError.

    None if training was over before it could be looked at twice.
    """
    told = subprocess.run(
        [sys.executable, "-c", START, "--workspace", str(workspace), "train", str(run_yaml), "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    run = RunDirectory(workspace / "runs" / json.loads(told.stdout)["id"])
    marks: list[tuple[float, float]] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (beat := _heartbeat(run)) is None or beat.phase is not Phase.ENDING:
        supervisor = _supervisor(run)
        if supervisor is not None and beat is not None and beat.phase is Phase.TRAINING:
            times = supervisor.cpu_times()
            marks.append((time.monotonic(), times.user + times.system))
        if time.monotonic() > deadline:
            raise TimeoutError(f"{run.root} is not done after {PATIENCE_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    while _supervisor(run) is not None:
        time.sleep(LOOK_SECONDS)
    if len(marks) < 2:  # noqa: PLR2004 - a beginning and an end
        return None
    (began, before), (ended, after) = marks[0], marks[-1]
    return (after - before) / (ended - began)


def _heartbeat(run: RunDirectory) -> Heartbeat | None:
    try:
        return Heartbeat.from_json(run.heartbeat.read_text(encoding="utf-8"))
    except OSError:
        return None


def _supervisor(run: RunDirectory) -> psutil.Process | None:
    """The process whose command line ends with this run's folder."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "backend.supervisor" in words and words[-1] == os.fspath(run.root):
            return process
    return None
