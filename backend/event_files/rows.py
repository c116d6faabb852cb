"""Rows: periods of templates that lie one after another, decoded into columns that nobody has to copy."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backend.domain.curve_merging import Points
from backend.event_files.templates import AnySteps, Data, Template


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Some periods of a template at a place of some bytes; their steps, which rise for each record or may not."""

    template: Template
    at: int
    num: int
    steps: AnySteps  # shape (records, num)
    is_rising: bool


class Rows:
    """Runs of the same scalars; `base` is the byte of the file at which data begins."""

    def __init__(self, data: Data, base: int) -> None:
        self._data = data
        self._base = base
        self._runs: list[Run] = []

    def takes(self, run: Run) -> bool:
        """Whether a run says something of the same tags in the same order."""
        return not self._runs or self._runs[0].template.scalars == run.template.scalars

    def add(self, run: Run) -> None:
        """A run behind those that were added."""
        self._runs.append(run)

    def points(self) -> Mapping[str, Points]:
        """What the runs say; each tag has rows of arrays that are shared by all of them, and by nothing else."""
        scalars = self._runs[0].template.scalars
        ends = list(itertools.accumulate(run.num for run in self._runs))
        shape = len(self._runs[0].steps), ends[-1]
        steps, wall_times, values = np.empty(shape, np.int64), np.empty(shape), np.empty((len(scalars), ends[-1]))
        for run, end in zip(self._runs, ends, strict=True):
            some = slice(end - run.num, end)
            steps[:, some] = run.steps
            run.template.fill(self._data, run.at, wall_times[:, some], values[:, some])
        borders = ends[:-1]
        is_rising = all(run.is_rising for run in self._runs) and all(
            bool((steps[:, border] > steps[:, border - 1]).all()) for border in borders
        )
        found: dict[str, list[Points]] = {}
        for (tag, index), numbers in zip(scalars, values, strict=True):
            piece = Points(self._places(index), steps[index], numbers, wall_times[index], is_rising)
            found.setdefault(tag, []).append(piece)
        return {tag: pieces[0] if len(pieces) == 1 else _woven(pieces) for tag, pieces in found.items()}

    def _places(self, index: int) -> tuple[range, ...]:
        """Where the records with an index in their period begin."""
        places = []
        for run in self._runs:
            first, width = self._base + run.at + run.template.starts[index], run.template.width
            places.append(range(first, first + run.num * width, width))
        return tuple(places)


def _woven(pieces: list[Points]) -> Points:
    """A tag that occurs several times in each period."""
    return Points(
        np.stack([points.positions for points in pieces], axis=1).ravel(),
        np.stack([points.steps for points in pieces], axis=1).ravel(),
        np.stack([points.values for points in pieces], axis=1).ravel(),
        np.stack([points.wall_times for points in pieces], axis=1).ravel(),
    )
