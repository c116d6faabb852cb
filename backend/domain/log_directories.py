"""Foreign folders of event files that a person registered, and the runs found in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LogDirectory:
    """A registered folder; the key depends on its path alone, so that links survive removing and adding again."""

    key: str
    path: Path


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A folder with event files inside a log directory.

    `path` is relative to the directory, with slashes, "." for the directory itself; `modified_at` is the newest
    change of a file in seconds since the epoch.
    """

    path: str
    num_files: int
    size_bytes: int
    modified_at: float


class RunFinder(Protocol):
    """Looks for runs in a log directory."""

    def __call__(self, directory: Path) -> Sequence[FoundRun]:
        """All folders with event files, by path; nothing if the directory is gone."""
