"""How what several attempts wrote becomes one curve in which each step occurs once.

The rule, in the order of writing: a point with step s, as well as a restart marker at step s
(SessionLog.START), voids every earlier point with a step >= s; a point speaks for its own tag, a marker for
all tags. So a point survives if and only if everything written after it has a larger step. This is
TensorBoard's purging at restart markers (`event_accumulator._Purge`) and its data server's preemption per tag
(`reservoir.rs`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.domain.curves import Kind, Numbers, Series, Steps, freeze


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one tag in the order of writing; `places` are the byte offsets of their records, in pieces."""

    places: "Steps | range | tuple[Steps | range, ...]"
    steps: Steps
    values: Numbers
    wall_times: Numbers

    @property
    def positions(self) -> Steps:
        """The byte offsets as an array, which few need."""
        pieces = self.places if isinstance(self.places, tuple) else (self.places,)
        arrays = [np.arange(one.start, one.stop, one.step) if isinstance(one, range) else one for one in pieces]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


@dataclass(frozen=True, slots=True)
class Restart:
    """A restart marker: training went on, and will write this step next."""

    position: int
    step: int


@dataclass(frozen=True, slots=True)
class Found:
    """A record that holds something else than scalars for a tag; no kind if it does not say which."""

    tag: str
    kind: Kind | None
    offset: int
    length: int
    step: int
    wall_time: float


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What was appended to one event file; after `from_start`, what earlier batches said is void."""

    points: Mapping[str, Points]
    restarts: tuple[Restart, ...] = ()
    from_start: bool = False
    num_ignored_points: int = 0
    others: tuple[Found, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """What some writing leaves of one tag: rising steps, and `cut`.

    Everything written before has lost its points with step >= cut; None if this writing says nothing about
    the tag.
    """

    steps: Steps
    values: Numbers
    wall_times: Numbers
    cut: int | None


def lower(cut: int | None, other: int | None) -> int | None:
    """The stricter of two cuts."""
    known = [step for step in (cut, other) if step is not None]
    return min(known, default=None)


def first_restart(restarts: Sequence[Restart]) -> int | None:
    """The lowest marked step, or None without markers."""
    return min((restart.step for restart in restarts), default=None)


def surviving(points: Points, restarts: Sequence[Restart]) -> Stretch:
    """Drop the points that were voided later on, by their own tag or by a marker."""
    steps = points.steps
    at = np.searchsorted(points.positions, [restart.position for restart in restarts])
    marked = np.insert(steps, at, np.array([restart.step for restart in restarts], np.int64))
    if not len(marked):
        return Stretch(steps, points.values, points.wall_times, None)
    lowest = np.minimum.accumulate(marked[::-1])[::-1]
    kept = np.append(marked[:-1] < lowest[1:], True)
    kept = np.delete(kept, at + np.arange(len(at)))
    return Stretch(steps[kept], points.values[kept], points.wall_times[kept], int(lowest[0]))


def num_before(steps: npt.NDArray[np.int64], cut: int | None) -> int:
    """How many of some rising steps lie below a cut."""
    return len(steps) if cut is None else int(np.searchsorted(steps, cut))


def merge(tag: str, stretches: Sequence[Stretch]) -> Series:
    """One curve from stretches in the order of writing, such as the files of successive attempts."""
    cut: int | None = None
    pieces: list[tuple[Steps, Numbers, Numbers]] = []
    for stretch in reversed(stretches):
        kept = slice(num_before(stretch.steps, cut))
        if len(stretch.steps[kept]):
            pieces.append((stretch.steps[kept], stretch.values[kept], stretch.wall_times[kept]))
        cut = lower(cut, stretch.cut)
    steps, values, wall_times = _joined(pieces[::-1])
    freeze((steps, values, wall_times))
    return Series(tag, steps, values, wall_times)


def _joined(pieces: list[tuple[Steps, Numbers, Numbers]]) -> tuple[Steps, Numbers, Numbers]:
    if not pieces:
        return np.empty(0, np.int64), np.empty(0, np.float64), np.empty(0, np.float64)
    if len(pieces) == 1:
        return pieces[0]
    steps, values, wall_times = zip(*pieces, strict=True)
    return np.concatenate(steps), np.concatenate(values), np.concatenate(wall_times)
