"""What is known of a run's scalars: one series per tag, attempts merged, with what could not be read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

MAX_TAGS = 2_000  # per folder
MAX_TAG_LENGTH = 200  # characters


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One tag of one run: each step once, rising; NaN and infinities are values like any other.

    The three arrays are equally long and read-only. `wall_times` are seconds since the epoch.
    """

    tag: str
    steps: Steps
    values: Numbers
    wall_times: Numbers

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of an event file that could not be read, both ends included; `file` is relative to the folder."""

    file: str
    first_byte: int
    last_byte: int


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Everything readable in one folder at one moment; never changes.

    `version` rises with every change, so that equal versions of one folder are the same object. A tag of an
    event file in a nested folder is prefixed with that folder's name. `num_ignored_points` counts the points
    whose tag is longer than MAX_TAG_LENGTH, or came after the folder had MAX_TAGS tags.
    """

    version: int
    series: Mapping[str, Series]
    damage: tuple[Damage, ...]
    num_ignored_points: int = 0


class CurveSource(Protocol):
    """The scalars of one folder, read again and again; used by one thread at a time."""

    @property
    def num_bytes(self) -> int:
        """Roughly the memory that this source holds."""

    def read(self) -> Curves:
        """Everything readable by now: the same object as last time if nothing was added."""


def freeze(arrays: Iterable[npt.NDArray[np.generic]]) -> None:
    """Make arrays read-only, since snapshots are shared by threads."""
    for array in arrays:
        array.flags.writeable = False
