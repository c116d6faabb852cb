"""Strand: the points of one tag of one file, in memory that grows in place and is shared with snapshots."""

import numpy as np

from backend.domain.curve_merging import Stretch, lower, num_before
from backend.domain.curves import Numbers, Steps, freeze

_FIRST_CAPACITY = 16
BYTES_PER_POINT = 24


class Strand:
    """Appends go behind what snapshots show; after a cut below that, to new memory."""

    def __init__(self) -> None:
        self._steps: Steps = np.empty(0, np.int64)
        self._values: Numbers = np.empty(0, np.float64)
        self._wall_times: Numbers = np.empty(0, np.float64)
        self._num_points = 0
        self._num_shown = 0  # by the longest snapshot of the memory in use
        self._cut: int | None = None

    @property
    def num_bytes(self) -> int:
        """The memory held."""
        return BYTES_PER_POINT * len(self._steps)

    def cut(self, step: int | None) -> None:
        """A restart marker: drop the points from this step on."""
        self._num_points = num_before(self._steps[: self._num_points], step)
        self._cut = lower(self._cut, step)

    def follow(self, stretch: Stretch) -> None:
        """Append what was written next."""
        self.cut(stretch.cut)
        first, end = self._num_points, self._num_points + len(stretch.steps)
        if end > len(self._steps) or first < self._num_shown:
            self._move(max(end, _FIRST_CAPACITY, len(self._steps) * 3 // 2 if end > len(self._steps) else 0))
        self._steps[first:end] = stretch.steps
        self._values[first:end] = stretch.values
        self._wall_times[first:end] = stretch.wall_times
        self._num_points = end

    def snapshot(self) -> Stretch:
        """Views of the points, which no later append changes, and the lowest step written or marked."""
        self._num_shown = max(self._num_shown, self._num_points)
        shown = slice(self._num_points)
        arrays = self._steps[shown], self._values[shown], self._wall_times[shown]
        freeze(arrays)
        return Stretch(*arrays, self._cut)

    def _move(self, capacity: int) -> None:
        kept = slice(self._num_points)
        steps, values, wall_times = self._steps[kept], self._values[kept], self._wall_times[kept]
        self._steps = np.empty(capacity, np.int64)
        self._values, self._wall_times = np.empty(capacity), np.empty(capacity)
        self._steps[kept], self._values[kept], self._wall_times[kept] = steps, values, wall_times
        self._num_shown = 0
