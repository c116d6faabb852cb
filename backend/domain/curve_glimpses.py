"""What can be told of curves without reading their files whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from backend.domain.curves import Curves, Series


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


def last_points(curves: Curves) -> LastPoints:
    """The same of curves that were read."""
    ends = {
        tag: LastPoint(int(one.steps[-1]), float(one.values[-1]), float(one.wall_times[-1]))
        for tag, one in curves.series.items()
        if len(one)
    }
    return LastPoints(MappingProxyType(ends), frozenset(), is_complete=True, num_bytes_read=0)


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """A sample of every curve: real points at even distances, so that spikes between them are not seen.

    `share` is how much of the bytes was read, from 0 to 1; at 1 the series are whole. A point that only an unread
    record made void may still be among them.
    """

    series: Mapping[str, Series]
    share: float
    num_bytes_read: int


class CurveGlimpses(Protocol):
    """Answers about folders of event files that cost the same whatever the size of the files."""

    def last_points(self, folder: Path) -> LastPoints:
        """The last point of every tag; nothing if there is no such folder."""

    def preview(self, folder: Path) -> Preview:
        """A sample of every curve; nothing if there is no such folder."""
