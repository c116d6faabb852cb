"""A small file that one process at a time may hold."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_SECONDS = 0.01


@contextmanager
def locked(path: Path, timeout_seconds: float) -> Iterator[None]:
    """Hold an exclusive flock on `path`; the kernel releases it if the process dies.

    Raises TimeoutError (an OSError) if another process, perhaps a stopped one, holds it too long.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(handle, path, timeout_seconds)
        yield
    finally:
        os.close(handle)


def _wait(handle: int, path: Path, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{path} is held by another process") from error
            time.sleep(_POLL_SECONDS)
        else:
            return
