"""How what several attempts wrote becomes one curve in which each step occurs once.

The rule, in the order of writing: a point with step s, as well as a restart marker at step s
(SessionLog.START), voids every earlier point with a step >= s; a point speaks for its own tag, a marker for
all tags. So a point survives if and only if everything written after it has a larger step. This is
TensorBoard's purging at restart markers (`event_accumulator._Purge`) and its data server's preemption per tag
(`reservoir.rs`).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.domain.curves import Kind, Numbers, Series, Steps, freeze

MAX_GHOSTS = 16  # stretches of void points that are kept per tag
_MAX_BACKS = 1_000  # per tag and batch


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one tag in the order of writing; `places` are the byte offsets of their records, in pieces."""

    places: "Steps | range | tuple[Steps | range, ...]"
    steps: Steps
    values: Numbers
    wall_times: Numbers
    is_rising: bool = False  # known to be; of others it is not known

    @property
    def _pieces(self) -> "tuple[Steps | range, ...]":
        return self.places if isinstance(self.places, tuple) else (self.places,)

    @property
    def first_position(self) -> int:
        """Where the first point was written."""
        return int(self._pieces[0][0])

    @property
    def last_position(self) -> int:
        """Where the last point was written."""
        return int(self._pieces[-1][-1])

    @property
    def positions(self) -> Steps:
        """The byte offsets as an array, which few need."""
        pieces = self._pieces
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
class Piece:
    """Points of one tag with rising steps."""

    steps: Steps
    values: Numbers
    wall_times: Numbers


@dataclass(frozen=True, slots=True)
class Back:
    """A point that goes back to an earlier step: where it was written, and where the point before it was."""

    position: int
    position_before: int
    step: int


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """What some writing leaves of one tag: rising steps, and `cut`.

    Everything written before has lost its points with step >= cut; None if this writing says nothing about
    the tag. `ghosts` are the points that the writing itself made void, `num_repeats` counts those that were
    followed at once by one of the same step. `first` is the first written step, if no marker came before it.
    """

    steps: Steps
    values: Numbers
    wall_times: Numbers
    cut: int | None
    ghosts: tuple[Piece, ...] = ()
    num_repeats: int = 0
    backs: tuple[Back, ...] = ()
    first: int | None = None
    ends_marked: bool = False  # a marker follows the last point


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
    if not restarts and (points.is_rising or bool((steps[1:] > steps[:-1]).all())):
        first = int(steps[0]) if len(steps) else None
        return Stretch(steps, points.values, points.wall_times, first, first=first)
    return _sifted(points, restarts)


def _sifted(points: Points, restarts: Sequence[Restart]) -> Stretch:
    steps = points.steps
    at = np.searchsorted(points.positions, [restart.position for restart in restarts])
    marked = np.insert(steps, at, np.array([restart.step for restart in restarts], np.int64))
    lowest = np.minimum.accumulate(marked[::-1])[::-1]
    kept = np.append(marked[:-1] < lowest[1:], True)
    kept = np.delete(kept, at + np.arange(len(at)))
    is_followed = np.ones(max(0, len(steps) - 1), np.bool_)  # by another point, not by a marker
    is_followed[at[(at > 0) & (at < len(steps))] - 1] = False
    is_repeat = np.append((steps[1:] == steps[:-1]) & is_followed, False)[: len(steps)]
    return Stretch(
        steps[kept],
        points.values[kept],
        points.wall_times[kept],
        int(lowest[0]),
        ghosts=_pieces(points, np.flatnonzero(~kept & ~is_repeat)),
        num_repeats=int(np.count_nonzero(is_repeat)),
        backs=_backs(points, np.flatnonzero((steps[1:] < steps[:-1]) & is_followed)[:_MAX_BACKS]),
        first=int(steps[0]) if len(steps) and not (at == 0).any() else None,
        ends_marked=bool((at == len(steps)).any()),
    )


def _pieces(points: Points, chosen: Steps) -> tuple[Piece, ...]:
    """Some points in the order of writing, as pieces with rising steps; of many the last."""
    if not len(chosen):
        return ()
    steps = points.steps[chosen]
    borders = np.append(np.flatnonzero(steps[1:] <= steps[:-1]) + 1, len(steps))
    borders = np.insert(borders, 0, 0)[-MAX_GHOSTS - 1 :]
    some = [chosen[first:end] for first, end in itertools.pairwise(borders.tolist())]
    return tuple(Piece(points.steps[one], points.values[one], points.wall_times[one]) for one in some)


def _backs(points: Points, before: Steps) -> tuple[Back, ...]:
    if not len(before):
        return ()
    positions = points.positions
    rows = zip(
        positions[before + 1].tolist(), positions[before].tolist(), points.steps[before + 1].tolist(), strict=True
    )
    return tuple(itertools.starmap(Back, rows))


def num_before(steps: npt.NDArray[np.int64], cut: int | None) -> int:
    """How many of some rising steps lie below a cut."""
    return len(steps) if cut is None else int(np.searchsorted(steps, cut))


def num_kept(stretches: Sequence[Stretch]) -> list[int]:
    """How many points of each stretch, in the order of writing, no later one makes void."""
    if len(stretches) == 1:
        return [len(stretches[0].steps)]
    cut: int | None = None
    kept = []
    for stretch in reversed(stretches):
        kept.append(num_before(stretch.steps, cut))
        cut = lower(cut, stretch.cut)
    return kept[::-1]


def merge(tag: str, stretches: Sequence[Stretch]) -> Series:
    """One curve from stretches in the order of writing, such as the files of successive attempts."""
    pieces = [
        (stretch.steps[:num], stretch.values[:num], stretch.wall_times[:num])
        for stretch, num in zip(stretches, num_kept(stretches), strict=True)
    ]
    steps, values, wall_times = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    freeze((steps, values, wall_times))
    return Series(tag, steps, values, wall_times)
