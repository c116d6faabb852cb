"""Folders that are small or read-only for a while; only root may do that."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.benchmarks.faults.trial import NotRun


@contextmanager
def read_only(folder: Path, *, but: Path) -> Iterator[None]:
    """Nothing in `folder` can be changed, except in `but` below it. Raises NotRun."""
    _mount("--bind", folder, folder)
    try:
        _mount("--bind", but, but)
        try:
            _mount("-o", "remount,bind,ro", folder)
            yield
        finally:
            _unmount(but)
    finally:
        _unmount(folder)


@contextmanager
def small_disk(folder: Path, num_bytes: int) -> Iterator[None]:
    """`folder` is a disk of its own of that size. Raises NotRun."""
    _mount("-t", "tmpfs", "-o", f"size={num_bytes}", "none", folder)
    try:
        yield
    finally:
        _unmount(folder)


def _mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], check=False, capture_output=True, text=True)  # noqa: S607
    if done.returncode:
        raise NotRun(f"mount was refused: {done.stderr.strip() or done.returncode}")


def _unmount(folder: Path) -> None:
    """Also while something is open in it; then it goes when that is closed."""
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)  # noqa: S607
