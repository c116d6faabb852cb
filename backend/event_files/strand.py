"""Strand: the points of one tag of one file, in memory that grows in place and is shared with snapshots."""

import numpy as np

from backend.domain.curve_merging import MAX_GHOSTS, Piece, Stretch, num_before
from backend.domain.curves import Numbers, Steps, freeze

_FIRST_CAPACITY = 16
BYTES_PER_POINT = 24
_NO_STEPS = np.empty(0, np.int64)
_NO_NUMBERS = np.empty(0, np.float64)


class Strand:
    """Appends go behind what snapshots show; after a cut below that, to new memory.

    `ghosts` are the points that later ones made void, oldest first, of many stretches the last; `num_repeats`
    counts those that were replaced at once by one of the same step. `era` changes when points were dropped.
    """

    def __init__(self) -> None:
        self._steps: Steps = _NO_STEPS
        self._values: Numbers = _NO_NUMBERS
        self._wall_times: Numbers = _NO_NUMBERS
        self._num_points = 0
        self._num_shown = 0  # by the longest snapshot of the memory in use
        self._cut: int | None = None
        self._is_marked = False  # behind the last point
        self._snapshot: Stretch | None = None
        self.ghosts: tuple[Piece, ...] = ()
        self.num_repeats = 0
        self.era = 0

    def __len__(self) -> int:
        """How many points there are."""
        return self._num_points

    @property
    def num_bytes(self) -> int:
        """The memory held."""
        return BYTES_PER_POINT * (len(self._steps) + sum(len(ghost.steps) for ghost in self.ghosts))

    @property
    def last_step(self) -> int | None:
        """Of the last point; None without one."""
        return int(self._steps[self._num_points - 1]) if self._num_points else None

    def cut(self, step: int | None) -> None:
        """A restart marker: drop the points from this step on."""
        self._is_marked |= step is not None
        self._drop(step, 0)

    def follow(self, stretch: Stretch) -> None:
        """Append what was written next."""
        is_repeat = not self._is_marked and stretch.first is not None and stretch.first == self.last_step
        self.num_repeats += is_repeat + stretch.num_repeats
        self._drop(stretch.cut, int(is_repeat))
        self._add_ghosts(stretch.ghosts)
        self._is_marked = stretch.ends_marked
        self._append(stretch)

    def _append(self, stretch: Stretch) -> None:
        first, end = self._num_points, self._num_points + len(stretch.steps)
        self._snapshot = None
        if first == end:
            return
        if not len(self._steps):
            self._take(stretch)
            return
        if end > len(self._steps) or first < self._num_shown:
            self._move(max(end, _FIRST_CAPACITY, len(self._steps) * 3 // 2 if end > len(self._steps) else 0))
        self._steps[first:end] = stretch.steps
        self._values[first:end] = stretch.values
        self._wall_times[first:end] = stretch.wall_times
        self._num_points = end

    def _take(self, stretch: Stretch) -> None:
        """The first points stay where they are: a file that grows no more is copied nowhere."""
        self._steps, self._values, self._wall_times = stretch.steps, stretch.values, stretch.wall_times
        self._num_points = self._num_shown = len(stretch.steps)  # never written to, as if it were shown

    def _drop(self, step: int | None, num_repeats: int) -> None:
        """Drop the points from a step on; all but the last `num_repeats` of them become ghosts."""
        if step is None:
            return
        if self._cut is None or step < self._cut:
            self._cut, self._snapshot = step, None
        end = self._num_points
        if not end or int(self._steps[end - 1]) < step:
            return
        kept = num_before(self._steps[:end], step)
        ghost = slice(kept, end - num_repeats)
        if ghost.start < ghost.stop:
            arrays = self._steps[ghost].copy(), self._values[ghost].copy(), self._wall_times[ghost].copy()
            self._add_ghosts((Piece(*arrays),))
        self._num_points, self._snapshot = kept, None
        self.era += 1

    def _add_ghosts(self, ghosts: tuple[Piece, ...]) -> None:
        if ghosts:
            for ghost in ghosts:
                freeze((ghost.steps, ghost.values, ghost.wall_times))
            self.ghosts = (*self.ghosts, *ghosts)[-MAX_GHOSTS:]

    def snapshot(self) -> Stretch:
        """Views of the points, which no later append changes, and the lowest step written or marked."""
        if self._snapshot is None:
            self._num_shown = max(self._num_shown, self._num_points)
            arrays = self._steps, self._values, self._wall_times
            if self._num_points < len(self._steps):  # of full memory nothing is written to any more
                shown = slice(self._num_points)
                arrays = self._steps[shown], self._values[shown], self._wall_times[shown]
            freeze(arrays)
            self._snapshot = Stretch(*arrays, self._cut)
        return self._snapshot

    def _move(self, capacity: int) -> None:
        kept = slice(self._num_points)
        steps, values, wall_times = self._steps[kept], self._values[kept], self._wall_times[kept]
        self._steps = np.empty(capacity, np.int64)
        self._values, self._wall_times = np.empty(capacity), np.empty(capacity)
        self._steps[kept], self._values[kept], self._wall_times[kept] = steps, values, wall_times
        self._num_shown = 0
