"""What is known of a run's scalars: one series per tag, attempts merged, with what could not be read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

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


class Kind(StrEnum):
    """What other than scalars a tag holds."""

    TEXT = "text"
    HISTOGRAM = "histogram"
    IMAGE = "image"
    AUDIO = "audio"
    HPARAMS = "hparams"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Place:
    """A record that is no scalar, found but not decoded: file relative to the folder, first byte of its payload."""

    file: str
    offset: int
    length: int
    step: int
    wall_time: float


@dataclass(frozen=True, slots=True)
class Other:
    """All records of one tag that holds something else than scalars, in the order of writing."""

    tag: str
    kind: Kind
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of an event file that could not be read, both ends included; `file` is relative to the folder."""

    file: str
    first_byte: int
    last_byte: int


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Everything readable in one folder at one moment; never changes.

    `version` rises with every change, so that equal versions of one folder are the same object. A tag of an
    event file in a nested folder is prefixed with that folder's name. `num_ignored_points` counts the points
    whose tag is longer than MAX_TAG_LENGTH, or came after the folder had MAX_TAGS tags. `ghosts` are the points
    that a restart or a step back made void, per tag, each stretch with rising steps, oldest first. `restarts` are
    the steps with which later writing began, in the order of writing. `num_repeats` counts, per tag, the points
    that were replaced by a later one at the same step.
    """

    version: int
    series: Mapping[str, Series]
    damage: tuple[Damage, ...]
    num_ignored_points: int = 0
    ghosts: Mapping[str, tuple[Series, ...]] = field(default_factory=_nothing)
    restarts: tuple[int, ...] = ()
    others: Mapping[str, Other] = field(default_factory=_nothing)
    num_repeats: Mapping[str, int] = field(default_factory=_nothing)


class CurveSource(Protocol):
    """The scalars of one folder, read again and again; used by one thread at a time."""

    @property
    def num_bytes(self) -> int:
        """Roughly the memory that this source holds."""

    def read(self) -> Curves:
        """Everything readable by now: the same object as last time if nothing was added."""


class SettlingSource(CurveSource, Protocol):
    """A source that can check and keep what will not change any more, so that the next start need not read it."""

    @property
    def is_settled(self) -> bool:
        """Whether that was done for what `read` has told last."""

    def settle(self) -> bool:
        """Do it, which may take as long as reading, and while another thread reads; False if it is too early."""


def freeze(arrays: Iterable[npt.NDArray[np.generic]]) -> None:
    """Make arrays read-only, since snapshots are shared by threads."""
    for array in arrays:
        array.flags.writeable = False
