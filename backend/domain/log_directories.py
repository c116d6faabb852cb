"""Foreign folders of event files that a person registered."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.domain.found_runs import FoundRuns


@dataclass(frozen=True, slots=True)
class LogDirectory:
    """A registered folder; the key depends on its path alone, so that links survive removing and adding again."""

    key: str
    path: Path


class RunFinder(Protocol):
    """Looks for runs in a log directory."""

    def __call__(self, root: Path, /) -> FoundRuns:
        """All folders with event files in or below it, and what could not be looked at."""
