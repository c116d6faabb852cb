"""Which way a curve went lately, told only where the difference is larger than the noise. Pure."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from backend.domain.curves import Series

FEWEST_POINTS = 20
LATELY_POINTS = 100
LATELY_SHARE = 5  # or a fifth of a long curve, whatever is more
NUM_ERRORS = 3.0  # standard errors of the difference
SMALLEST_SHARE = 0.01  # of the former value


class Way(StrEnum):
    """What a curve did."""

    FELL = "fell"
    ROSE = "rose"
    STAYED = "stayed"


@dataclass(frozen=True, slots=True)
class Trend:
    """From `before` to `after`: means of the first and the last quarter of the last `num_steps` steps."""

    way: Way
    before: float
    after: float
    num_steps: int


def trend(series: Series | None) -> Trend | None:
    """None if there are too few points, or some of the latest are not finite: then nothing can be said."""
    if series is None or len(series) < FEWEST_POINTS:
        return None
    num = max(LATELY_POINTS, len(series) // LATELY_SHARE)
    values, steps = series.values[-num:], series.steps[-num:]
    if not np.isfinite(values).all():
        return None
    quarter = len(values) // 4
    first, last = values[:quarter], values[-quarter:]
    before, after = float(first.mean()), float(last.mean())
    error = float(np.sqrt((first.var(ddof=1) + last.var(ddof=1)) / quarter))
    is_clear = abs(after - before) > max(NUM_ERRORS * error, SMALLEST_SHARE * abs(before))
    way = (Way.FELL if after < before else Way.ROSE) if is_clear else Way.STAYED
    return Trend(way, before, after, int(steps[-1] - steps[0]))


def num_not_finite(series: Series | None) -> int:
    """How many of the latest points are NaN or infinite."""
    return 0 if series is None else int((~np.isfinite(series.values[-LATELY_POINTS:])).sum())


def thinned(series: Series, num: int) -> list[float]:
    """At most `num` values for a small picture: means of equally many points; NaN where one of these is not finite."""
    if len(series) <= num:
        return [float(value) for value in series.values]
    edges = np.linspace(0, len(series), num + 1).astype(np.int64)
    with np.errstate(invalid="ignore", over="ignore"):
        means = np.add.reduceat(series.values, edges[:-1]) / np.diff(edges)
    return [float(value) for value in means]
