"""What came out of runs: last and best values with their steps, and the same at a step that all have. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from backend.domain.curves import Curves, Series
from backend.domain.metric_goals import MACHINE, Goal

SPEED = "perf/tokens_per_second"
ENERGY = "system/energy_joules"  # summed up since the run began
PEAKS = ("gpu/", "system/trainer_memory_bytes")  # of memory; a device's first


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step; NaN and infinities are values too."""

    step: int
    value: float

    @property
    def is_finite(self) -> bool:
        """Whether it can be compared with others."""
        return math.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class Result:
    """One metric of one run. `best` is None where no value is finite or nobody knows which ones are better.

    Of equally good values the first counts. `num_not_finite` points are NaN or infinite.
    """

    tag: str
    goal: Goal
    last: Point
    best: Point | None
    num_points: int
    num_not_finite: int


@dataclass(frozen=True, slots=True)
class Together:
    """A metric of several runs at `step`, the last that all of them have; None if they share no step.

    `points` has one for each run, in the order given; `best` the same with the best one up to that step.
    """

    step: int | None
    points: tuple[Point | None, ...]
    best: tuple[Point | None, ...]


def result(series: Series, goal: Goal) -> Result | None:
    """Last and best of a curve; None of an empty one."""
    if not len(series):
        return None
    is_finite = np.isfinite(series.values)
    return Result(
        tag=series.tag,
        goal=goal,
        last=_point(series, len(series) - 1),
        best=best_point(series, goal),
        num_points=len(series),
        num_not_finite=int((~is_finite).sum()),
    )


def best_point(series: Series, goal: Goal, last_step: int | None = None) -> Point | None:
    """The best finite value, at its first step, looking no further than `last_step`; None if none is known."""
    end = len(series) if last_step is None else int(np.searchsorted(series.steps, last_step, side="right"))
    values = series.values[:end]
    if goal is Goal.UNKNOWN or not np.isfinite(values).any():
        return None
    worst = np.inf if goal is Goal.LOWER else -np.inf
    known = np.where(np.isfinite(values), values, worst)
    return _point(series, int(known.argmin() if goal is Goal.LOWER else known.argmax()))


def trained(series: Series) -> Series:
    """Without what was measured before the first step: that is the base model's."""
    first = int(np.searchsorted(series.steps, 1))
    return Series(series.tag, series.steps[first:], series.values[first:], series.wall_times[first:])


def last_common_step(all_series: Sequence[Series | None]) -> int | None:
    """The last step at which every one of them has a point; None if there is none, or one of them is missing."""
    steps = [series.steps for series in all_series if series is not None and len(series)]
    if not steps or len(steps) < len(all_series):
        return None
    common = reduce(np.intersect1d, steps)
    return int(common[-1]) if len(common) else None


def together(all_series: Sequence[Series | None], goal: Goal) -> Together:
    """One metric of runs of different lengths, each at the last step that all have."""
    step = last_common_step(all_series)
    if step is None:
        nothing = (None,) * len(all_series)
        return Together(None, nothing, nothing)
    known = [series for series in all_series if series is not None]
    return Together(
        step,
        tuple(_point(series, int(np.searchsorted(series.steps, step))) for series in known),
        tuple(best_point(series, goal, step) for series in known),
    )


def typical_speed(series: Mapping[str, Series]) -> float | None:
    """The median of the tokens per second that were measured; None if none was."""
    found = _finite(series.get(SPEED))
    return float(np.median(found)) if len(found) else None


def energy_joules(series: Mapping[str, Series]) -> float | None:
    """What a run has used since it began, where that was measured; None if it was not."""
    found = _finite(series.get(ENERGY))
    return float(found[-1]) if len(found) else None


def memory_peak(series: Mapping[str, Series]) -> tuple[str, float] | None:
    """The highest bytes that were measured, and of what: of all devices, else of the trainer in main memory."""
    for prefix in PEAKS:
        tags = [tag for tag in series if tag.startswith(prefix) and tag.endswith("memory_bytes")]
        peaks = [(float(found.max()), tag) for tag in tags if len(found := _finite(series[tag]))]
        if peaks:
            peak, tag = max(peaks)
            return tag, peak
    return None


def metric_tags(all_curves: Sequence[Curves]) -> tuple[str, ...]:
    """The tags that say how good runs are or how they went, not how the machine did; evaluations first."""
    return metric_order({tag for curves in all_curves for tag in curves.series})


def metric_order(tags: Iterable[str]) -> tuple[str, ...]:
    """The same of any tags."""
    wanted = [tag for tag in sorted(tags) if not tag.startswith(MACHINE) and tag not in _PROGRESS]
    return tuple(sorted(wanted, key=lambda tag: (not tag.startswith("eval/"), not tag.endswith("loss"), tag)))


_PROGRESS = frozenset({"train/epoch", "train/num_tokens"})


def _point(series: Series, index: int) -> Point:
    return Point(int(series.steps[index]), float(series.values[index]))


def _finite(series: Series | None) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    values = np.empty(0) if series is None else series.values
    return values[np.isfinite(values)]
