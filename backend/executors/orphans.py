"""Processes that lost their parent and came to us instead (Linux: child subreaper)."""

import ctypes
import os
import signal
from collections.abc import Collection
from contextlib import suppress

from backend.executors.process_table import Entry, processes

_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1


def become_subreaper() -> bool:
    """Make orphaned descendants our children, so that none escapes; False if that is unknown (not Linux)."""
    try:
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (AttributeError, OSError):
        return False


def die_with_parent(parent: int) -> None:
    """Be killed when the thread that started us ends, or now if `parent` is gone already (Linux; else nothing)."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (AttributeError, OSError):
        return
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def take_forks_along() -> None:
    """Let no process that is forked from now on outlive us, such as one that prepares batches and holds our lock."""
    parent = [0]

    def remember() -> None:
        parent[0] = os.getpid()

    os.register_at_fork(before=remember, after_in_child=lambda: die_with_parent(parent[0]))


def reap(known: Collection[int]) -> None:
    """Wait for children that ended and that nobody else waits for; `known` children have their own waiter."""
    with suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_pid in known:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def strays(known: Collection[int]) -> list[Entry]:
    """Living descendants of ours that do not descend from a known child."""
    everybody = [entry for entry in processes() if not entry.is_zombie]
    found = {os.getpid()}
    size = 0
    while size != len(found):
        size = len(found)
        found |= {e.pid for e in everybody if e.parent in found and e.pid not in known}
    return [entry for entry in everybody if entry.pid in found and entry.pid != os.getpid()]
