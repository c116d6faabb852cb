"""A limit of resident memory for whatever a program starts: what exceeds it is killed, as the kernel would.

While weights are read, pages of their file do not count: the kernel takes them back before it kills anybody.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

INTERVAL_SECONDS = 0.005


@dataclass(slots=True)
class Watched:
    """The most that was seen of one child, and whether it was killed for it."""

    most_bytes: int = 0
    was_killed: bool = False


@contextmanager
def limited(parent_pid: int, limit_bytes: int, is_loading: Callable[[], bool]) -> Iterator[Watched]:
    """Watch the children of a process as long as the block lasts; each may have `limit_bytes` resident."""
    watched, is_over = Watched(), threading.Event()
    parent = psutil.Process(parent_pid)
    thread = threading.Thread(target=_watch, args=(parent, limit_bytes, is_loading, watched, is_over))
    thread.start()
    try:
        yield watched
    finally:
        is_over.set()
        thread.join()


def _watch(
    parent: psutil.Process,
    limit_bytes: int,
    is_loading: Callable[[], bool],
    watched: Watched,
    is_over: threading.Event,
) -> None:
    children: list[psutil.Process] = []
    libraries = parent.memory_info().shared  # it has imported all that its children import
    while not is_over.wait(INTERVAL_SECONDS):
        if not children:
            children = parent.children()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                now = child.memory_info()
                size = now.rss
                if size > watched.most_bytes and is_loading():
                    size -= max(0, now.shared - libraries)
                watched.most_bytes = max(watched.most_bytes, size)
                if size > limit_bytes and not watched.was_killed:
                    watched.was_killed = True
                    child.kill()
