"""One attempt in several processes: starts them, passes a request to stop on, and says how they ended together.

This process holds the lock and writes the exit record. Its child is accelerate's launcher, whose children train;
each of them is killed by the kernel when its parent ends, so none is left behind.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_CHECKPOINTED
from backend.executors.environment import ATTEMPT, TOKEN
from backend.store.files import read_text
from backend.trainer.attempt import OwnAttempt
from backend.trainer.errors import ProcessLost
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.stop import GoFile, StopFlag, StopRequested

LAUNCHER = "backend.trainer.launcher"
CRASHED = "trainer-crashed"
POLL_SECONDS = 0.1
GRACE_SECONDS = 10.0  # the first process is the last to end; the others need not wait for anything


class RankFailed(Exception):
    """One of the processes said why it ended."""

    def __init__(self, record: ExitRecord) -> None:
        super().__init__(record.what)
        self.record = record


def go_file(run: RunDirectory) -> Path:
    """It is there while the processes shall go on."""
    return run.root / ".go"


def rank_record(run: RunDirectory, attempt: int, rank: int | str) -> Path:
    """How one process ended by its own account; the launcher's is named so."""
    return run.logs / f"attempt-{attempt:03d}.process-{rank}.json"


def train_in_processes(attempt: OwnAttempt, count: int, heartbeat: HeartbeatWriter, stop: StopFlag) -> None:
    """Train with `count` processes. Raises StopRequested, RankFailed, ProcessLost."""
    run = attempt.run
    run.logs.mkdir(exist_ok=True)
    for old in run.logs.glob(rank_record(run, attempt.number, "*").name):
        old.unlink()
    go_file(run).touch()
    environment = os.environ | {TOKEN: attempt.token, ATTEMPT: str(attempt.number)}
    launcher = subprocess.Popen(
        [sys.executable, "-m", LAUNCHER, str(run.root)], env=environment, start_new_session=True
    )
    try:
        _wait(launcher, attempt, stop)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()
        go_file(run).unlink(missing_ok=True)
    _take_over(run, heartbeat)
    raise_ending(attempt, count, heartbeat.last.step)


def raise_ending(attempt: OwnAttempt, count: int, step: int) -> None:
    """Nothing for a good end; else what tells most, in this order.

    The first process's word that all is done or saved, what the launcher says, an error that a process explains,
    a process that died without a word, a process that crashed, mostly for want of another.
    """
    run, number = attempt.run, attempt.number
    records = {rank: _record(rank_record(run, number, rank)) for rank in ("launcher", *range(count))}
    told = [record for record in records.values() if record is not None]
    first = records[0]
    if first is not None and first.code == 0:
        return
    if first is not None and first.code == EXIT_CHECKPOINTED:
        raise StopRequested
    for record in told:
        if record.error_id not in ("", CRASHED):
            raise RankFailed(record)
    silent = [rank for rank in range(count) if records[rank] is None]
    if silent:
        raise _lost(run, number, silent, count, step)
    raise RankFailed(next(record for record in told if record.code))


def _lost(run: RunDirectory, number: int, silent: list[int], count: int, step: int) -> ProcessLost:
    """The process that died first of its own: the launcher ends the others with TERM."""
    codes = _exit_codes(run, number)
    rank = next((rank for rank in silent if codes.get(rank, 0) not in (0, -signal.SIGTERM)), silent[0])
    code = codes.get(rank)
    how = "without a word" if code is None else f"with exit code {code}"
    if code is not None and code < 0:
        how = f"by signal {-code} ({signal.Signals(-code).name})"
    return ProcessLost(rank=rank, count=count, step=step, how=how)


def _exit_codes(run: RunDirectory, number: int) -> dict[int, int]:
    """The exit codes that the launcher has seen, by process."""
    try:
        found = json.loads(read_text(rank_record(run, number, "codes")) or "{}")
        return {int(rank): int(code) for rank, code in found.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _wait(launcher: subprocess.Popen[bytes], attempt: OwnAttempt, stop: StopFlag) -> None:
    """Until all processes have ended, or the first one has and the others do not follow."""
    go = GoFile(go_file(attempt.run))
    ended_at: float | None = None
    while launcher.poll() is None:
        time.sleep(POLL_SECONDS)
        if stop.is_requested:
            go.request()
        if ended_at is None and rank_record(attempt.run, attempt.number, 0).exists():
            ended_at = time.monotonic()
        if ended_at is not None and time.monotonic() - ended_at > GRACE_SECONDS:
            return


def _record(path: Path) -> ExitRecord | None:
    return ExitRecord.from_json(read_text(path) or "")


def _take_over(run: RunDirectory, heartbeat: HeartbeatWriter) -> None:
    """The sign of life that the first process left is ours from now on."""
    last = Heartbeat.from_json(read_text(run.heartbeat) or "")
    if last is not None:
        heartbeat.last = replace(last, pid=os.getpid())
