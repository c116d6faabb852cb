"""Which folders below a log directory hold event files."""

import os
from collections.abc import Sequence
from pathlib import Path

from backend.domain.log_directories import FoundRun

MAX_RUNS = 20_000


def find_runs(directory: Path) -> Sequence[FoundRun]:
    """All folders with event files, by path; links are not followed. Nothing if the directory is gone."""
    found = []
    for root, folders, names in os.walk(directory):
        folders.sort()
        sizes = [size for name in names if "tfevents" in name for size in _stat(Path(root, name))]
        if sizes:
            path = Path(root).relative_to(directory).as_posix()
            found.append(FoundRun(path, len(sizes), sum(size for size, _ in sizes), max(at for _, at in sizes)))
        if len(found) >= MAX_RUNS:
            break
    return found


def _stat(path: Path) -> list[tuple[int, float]]:
    try:
        status = path.lstat()
    except OSError:
        return []
    return [(status.st_size, status.st_mtime)]
