"""The runs of a foreign log directory: which folders hold event files."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FoundRun:
    r"""A folder that holds event files.

    `name` is its path inside the log directory with slashes, "." for the directory itself; bytes of file names that
    are no UTF-8 are spelt like \xff. `files` are the names of its event files, `changed_at` the newest of their
    times of change in seconds since the epoch.
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    num_bytes: int
    changed_at: float

    @property
    def path(self) -> str:
        """What follows the directory's key in the name of a source (see CurveSources)."""
        return self.name


class RemarkKind(StrEnum):
    """Why something was not looked at."""

    MISSING = "missing"
    NOT_ALLOWED = "not-allowed"
    LINK_OUT = "link-out"
    TOO_DEEP = "too-deep"
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True)
class Remark:
    """What was not looked at, by its path inside the directory, and why in a sentence."""

    kind: RemarkKind
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class FoundRuns:
    """The runs by name, "." first. If anything was left out, a remark says so; `num_more_remarks` are not kept."""

    runs: tuple[FoundRun, ...]
    remarks: tuple[Remark, ...] = ()
    num_more_remarks: int = 0
