"""What can be told of curves without reading their files whole."""

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.curves import Series


@dataclass(frozen=True, slots=True)
class LastPoint:
    """Where a series ends; `wall_time` in seconds since the epoch."""

    step: int
    value: float
    wall_time: float


@dataclass(frozen=True, slots=True, eq=False)
class LastPoints:
    """The last point of every tag that was seen: each is what a full reading would tell.

    `missing` are tags of which it is known that they were written, but whose last point lies too far from the end
    to be looked for. If `is_complete`, everything was read and no tag can be missing.
    """

    points: Mapping[str, LastPoint]
    missing: frozenset[str]
    is_complete: bool
    num_bytes_read: int


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A sample of every curve: real points at even distances, so that spikes between them are not seen.

    `share` is how much of the bytes was read, from 0 to 1; at 1 the series are whole. A point that only an unread
    record made void may still be among them.
    """

    series: Mapping[str, Series]
    share: float
    num_bytes_read: int
