"""StorageService: what the workspace takes up on its disk, folder by folder."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS = {
    "Runs": "runs",
    "Uploads": "datasets",
    "Own presets": "presets",
    "Demo model": "models",
    "Prepared datasets and curves": "cache",
    "Trash": "trash",
    "Logs": "logs",
}


@dataclass(frozen=True, slots=True)
class FolderUsage:
    """A folder of the workspace; links are not followed, and files that vanish meanwhile do not count."""

    name: str
    path: Path
    num_files: int
    size_bytes: int


class StorageService:
    """Measures by walking, so it costs milliseconds per thousand files. Holds no state."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def usage(self) -> tuple[FolderUsage, ...]:
        """Every part of the workspace, then the files that lie directly in it (store and locks)."""
        parts = [self._measured(name, self._workspace / folder, _sizes) for name, folder in PARTS.items()]
        return (*parts, self._measured("Store", self._workspace, _own_sizes))

    def _measured(self, name: str, path: Path, sizes: Callable[[Path], Iterator[int]]) -> FolderUsage:
        found = list(sizes(path))
        return FolderUsage(name, path, len(found), sum(found))


def _sizes(folder: Path) -> Iterator[int]:
    """Sizes of all files below a folder; nothing if it does not exist."""
    for root, _, names in os.walk(folder):
        for name in names:
            yield from _size(Path(root, name))


def _own_sizes(folder: Path) -> Iterator[int]:
    if folder.is_dir():
        for path in folder.iterdir():
            if not path.is_dir():
                yield from _size(path)


def _size(path: Path) -> Iterator[int]:
    try:
        yield path.lstat().st_size
    except OSError:
        return
