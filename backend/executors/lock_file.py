"""Lock files that a process holds for life (flock), with its identity inside for whoever looks.

The kernel frees the lock when the last process that inherited it is gone, whatever killed it, so a lock
cannot be stale. Works on local disks of Linux and macOS; on NFS other machines see the lock as well.
Windows has neither flock nor its inheritance: an adapter there would hold a named job object instead.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from backend.domain.run import ProcessIdentity
from backend.executors.environment import LOCK_FD
from backend.executors.process_table import identify

_TRIES = 5_000
_PAUSE_SECONDS = 0.002  # ten seconds in all: one who only looks may be held up just then
_RECORD_BYTES = 256


def take(path: Path) -> int | None:
    """An open file descriptor with the exclusive lock, or None if somebody holds it. Raises OSError."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(_TRIES):
            if _try(handle, fcntl.LOCK_EX):
                return handle
            if not _try(handle, fcntl.LOCK_SH):
                break
            fcntl.flock(handle, fcntl.LOCK_UN)  # only somebody who looks, like `is_held` does
            time.sleep(_PAUSE_SECONDS)
    except OSError:
        os.close(handle)
        raise
    os.close(handle)
    return None


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the lock while a block runs; gives whether it was free. Raises OSError."""
    handle = take(path)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


def hold(path: Path) -> int | None:
    """For programs: the lock inherited from our starter, or taken now; None if somebody else holds it.

    Our identity is written into it. The descriptor stays open for life. Raises OSError.
    """
    handle = _inherited(path)
    if handle is None:
        handle = take(path)
    if handle is not None and (identity := identify(os.getpid())):
        write_identity(handle, identity)
    return handle


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock. Raises OSError when that cannot be told."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try(handle, fcntl.LOCK_SH)
    finally:
        os.close(handle)


def write_identity(handle: int, identity: ProcessIdentity) -> None:
    """Say who holds the lock, in one write of a fixed length, so that no reader sees two texts mixed."""
    os.pwrite(handle, (json.dumps(asdict(identity)).ljust(_RECORD_BYTES - 1) + "\n").encode("ascii"), 0)


def read_identity(path: Path) -> ProcessIdentity | None:
    """Who said last that it holds the lock; None for a file that says nothing readable."""
    try:
        fields = json.loads(path.read_bytes())
        return ProcessIdentity(int(fields["pid"]), int(fields["start_ticks"]), str(fields["boot_id"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _inherited(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError):
        handle = int(os.environ.get(LOCK_FD, ""))
        if os.path.samestat(os.fstat(handle), path.stat()) and _try(handle, fcntl.LOCK_EX):
            return handle
    return None
