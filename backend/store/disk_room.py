"""Measures whether a run's next checkpoint fits on its disk."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.disk_room import Room
from backend.domain.run_directory import RunDirectory
from backend.store.checkpoints import MANIFEST, STAGING, Checkpoint, sealed


@dataclass(slots=True)
class DiskRoom:
    """Cheap enough for every second: one statvfs and one look into the folder of checkpoints.

    A checkpoint is written whole beside the ones that are kept, before the oldest goes. It is taken to be as large
    as the newest one; before the first one only `min_free_bytes` counts.
    """

    run_dir: Path
    min_free_bytes: int
    _known: tuple[Checkpoint, int] | None = field(default=None, init=False)

    def measure(self) -> Room | None:
        """Free and needed bytes now; None if that cannot be told."""
        folder = RunDirectory(self.run_dir).checkpoints
        try:
            disk = os.statvfs(self.run_dir)
            free = disk.f_bavail * disk.f_frsize
            left = max(0, self._newest(folder) - _staged(folder))
        except OSError:
            return None
        return Room(free, left + self.min_free_bytes)

    def _newest(self, folder: Path) -> int:
        newest = next(iter(sealed(folder)), None)
        if newest is None:
            return 0
        if self._known is None or self._known[0] != newest:
            self._known = newest, _size(newest)
        return self._known[1]


def _size(checkpoint: Checkpoint) -> int:
    """Bytes of a checkpoint by its manifest, else as the files are; damage is found elsewhere."""
    try:
        files = json.loads((checkpoint.path / MANIFEST).read_text(encoding="utf-8"))["files"]
        return sum(int(file["bytes"]) for file in files.values())
    except (ValueError, KeyError, TypeError, AttributeError):
        return _below(checkpoint.path)


def _staged(folder: Path) -> int:
    """What is written already of a checkpoint that is on its way."""
    return sum(_below(path) for path in folder.glob(f"{STAGING}*"))


def _below(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(root, name).stat().st_size
            except FileNotFoundError:  # renamed or removed meanwhile
                continue
    return total
