"""Waiting for processes, looking for them, and hurting them."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

WORKSPACE = "PEFT_STUDIO_WORKSPACE"
PATIENCE_SECONDS = 240.0


def wait_until(
    condition: Callable[[], Any],
    what: Callable[[], str] | str,
    seconds: float = PATIENCE_SECONDS,
    poll_seconds: float = 0.05,
) -> Any:
    """The first true value of a condition."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(poll_seconds)
    raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")


def kill(*pids: int | None) -> None:
    """kill -9, one after the other at once; returns when all are gone."""
    for pid in pids:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: all(is_gone(pid) for pid in pids if pid), f"{pids} are gone")


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Hold a process still, so that a slow test machine cannot miss its life."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def is_gone(pid: int) -> bool:
    """It holds nothing any more, no lock either: with its first thread, which is seen dead first, all others ended."""
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


def processes(folder: Path) -> dict[int, str]:
    """Living processes with a workspace in a folder, but our own: pid and command line."""
    found = {}
    for process in psutil.process_iter():
        try:
            where = process.environ().get(WORKSPACE, "")
            if process.pid != os.getpid() and Path(where).is_relative_to(folder):
                found[process.pid] = " ".join(process.cmdline())
        except psutil.Error:
            continue
    return found
