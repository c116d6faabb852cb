"""Printing points as they are written."""

import time
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import typer

from backend.cli.output import printable
from backend.domain.curve_export import ReadRun
from backend.domain.curves import Series

POLL_SECONDS = 0.25
_REST = 4  # so many times as long as a look took we wait until the next


class _Point(NamedTuple):
    wall_time: float
    run: str
    tag: str
    step: int
    value: float


class Watch:
    """Prints what was not printed before: first the last point of each curve, then every new one."""

    def __init__(self, *, names_runs: bool) -> None:
        self._names_runs = names_runs
        self._seen: dict[tuple[str, str], Series] = {}
        self._is_first = True

    def show(self, runs: Iterable[ReadRun]) -> None:
        """One look: the new points in the order of their wall times, each line flushed."""
        points: list[_Point] = []
        for run in runs:
            for tag, series in run.series.items():
                points += _points(run.name, series, self._first_new(run.name, tag, series))
        self._is_first = False
        for point in sorted(points, key=attrgetter("wall_time")):
            names = [point.run, point.tag] if self._names_runs else [point.tag]
            typer.echo("\t".join([*map(printable, names), str(point.step), str(point.value)]))

    def _first_new(self, run: str, tag: str, series: Series) -> int:
        """The place of the first point that was not printed."""
        seen = self._seen.get((run, tag))
        self._seen[run, tag] = series
        if seen is None:
            return max(0, len(series) - 1) if self._is_first else 0
        num = min(len(seen), len(series))
        differs = (seen.steps[:num] != series.steps[:num]) | (seen.wall_times[:num] != series.wall_times[:num])
        return int(np.argmax(differs)) if differs.any() else num  # training went back to an earlier step, or goes on


def _points(run: str, series: Series, first: int) -> list[_Point]:
    steps, values, wall_times = series.steps[first:], series.values[first:], series.wall_times[first:]
    rows = zip(steps.tolist(), values.tolist(), wall_times.tolist(), strict=True)
    return [_Point(wall_time, run, series.tag, step, value) for step, value, wall_time in rows]


def watch(read: Callable[[], Iterable[ReadRun]], is_over: Callable[[], bool], *, names_runs: bool) -> None:
    """Until a look finds everything over, or Ctrl-C, which is a good end."""
    seen = Watch(names_runs=names_runs)
    try:
        while True:
            began = time.monotonic()
            is_last = is_over()  # asked first: what was written before the end is read after it
            seen.show(read())
            if is_last:
                return
            time.sleep(max(POLL_SECONDS, _REST * (time.monotonic() - began)))
    except KeyboardInterrupt:
        return
