"""DiskWatch: whether the disk of the workspace has the room that is to stay free."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is free on a disk, and what is to stay free on it: runs pause before they take that."""

    free_bytes: int
    min_free_bytes: int


class DiskWatch:
    """Asks when it is asked. `free_bytes` are those of the disk that a folder is on."""

    def __init__(self, workspace: Path, free_bytes: Callable[[Path], int], min_free_bytes: int) -> None:
        self._workspace = workspace
        self._free_bytes = free_bytes
        self._min_free_bytes = min_free_bytes

    def shortage(self) -> Shortage | None:
        """If less is free than is to stay free; None if there is room."""
        free = self._free_bytes(self._workspace)
        return None if free >= self._min_free_bytes else Shortage(free, self._min_free_bytes)
