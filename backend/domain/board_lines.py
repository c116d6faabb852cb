"""What one line of a chart is drawn through: axis, difference, mean and band, all points of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.domain.board import Line, Look, Spread, XAxis
from backend.domain.curves import Curves, Numbers, Series, Steps
from backend.domain.smoothing import smooth
from backend.domain.statistics import student_t

AXIS_TAGS = {XAxis.TOKENS: "train/num_tokens", XAxis.EPOCH: "train/epoch"}


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The points of a line, all columns equally long, x rising.

    `raw` is what was written where `y` is smoothed. `low` and `high` are the band of a mean, NaN where there is
    none; `num_sources` says of how many curves a point is the mean.
    """

    steps: Numbers
    x: Numbers
    y: Numbers
    raw: Numbers | None = None
    low: Numbers | None = None
    high: Numbers | None = None
    num_sources: Numbers | None = None

    def __len__(self) -> int:
        """How many points there are."""
        return len(self.x)

    def at(self, chosen: "Steps | slice") -> "Points":
        """Only the points with these indices."""
        columns = (self.steps, self.x, self.y, self.raw, self.low, self.high, self.num_sources)
        return Points(*(None if column is None else column[chosen] for column in columns))  # type: ignore[arg-type]


NOTHING = Points(np.empty(0), np.empty(0), np.empty(0))


def line_points(line: Line, look: Look, curves: Mapping[str, Curves]) -> Points:
    """All points of a line, smoothed over all of them; none if its tag was never written.

    The mean of several sources is taken at every step that any of them wrote; the others count there with their
    linear interpolation, within their own first and last step. Points of the axes tokens and epoch that lie
    beyond what is known of tokens and epochs are left out until it is known.
    """
    placed = [placed_curve(curves[source], line, look, curves) for source in line.sources if source in curves]
    found = [points for points in placed if len(points)]
    if not found:
        return NOTHING
    if len(line.sources) == 1:
        return _smoothed(found[0], look.smoothing)
    return _smoothed(_mean(found, look.spread), look.smoothing)


def placed_curve(own: Curves, line: Line, look: Look, curves: Mapping[str, Curves]) -> Points:
    """The curve of one source, minus the baseline's where a line asks for it, on the axis of the board."""
    series = own.series.get(line.tag)
    if series is None or not len(series):
        return NOTHING
    steps, values = series.steps.astype(np.float64), series.values
    points = Points(steps, x_of(own, series, look.x), values)
    if line.minus is not None:
        base = curves[line.minus].series.get(line.tag) if line.minus in curves else None
        points = _minus(points, base)
    points = points.at(np.flatnonzero(np.isfinite(points.x)))
    if (np.diff(points.x) < 0).any():  # a clock that was set back
        points = points.at(np.argsort(points.x, kind="stable"))
    return points


def x_of(own: Curves, series: Series, axis: XAxis) -> Numbers:
    """Where the points of a series lie on an axis; NaN where that is not known (yet)."""
    if axis is XAxis.STEP:
        return series.steps.astype(np.float64)
    if axis is XAxis.WALL:
        return series.wall_times
    if axis is XAxis.RELATIVE:
        return series.wall_times - beginning(own)
    known = own.series.get(AXIS_TAGS[axis])
    if known is None or not len(known):
        return np.full(len(series), np.nan)
    return _between(series.steps.astype(np.float64), known)


def beginning(own: Curves) -> float:
    """Wall time of the first point of a run, seconds since the epoch; points whose time is none are passed over."""
    firsts = (float(series.wall_times[0]) for series in own.series.values() if len(series))
    return min(filter(math.isfinite, firsts), default=0.0)


def _between(steps: Numbers, known: Series) -> Numbers:
    """Values of a series at any steps, by linear interpolation; NaN beside a NaN, before its first and after its last.

    So no value changes when the series goes on: what is known once stays.
    """
    with np.errstate(invalid="ignore"):
        return np.interp(steps, known.steps, known.values, left=np.nan, right=np.nan)


def _minus(points: Points, base: Series | None) -> Points:
    """Only where both curves exist."""
    if base is None or not len(base):
        return NOTHING
    inside = (points.steps >= base.steps[0]) & (points.steps <= base.steps[-1])
    inner = points.at(np.flatnonzero(inside))
    with np.errstate(invalid="ignore"):
        return Points(inner.steps, inner.x, inner.y - _between(inner.steps, base))


def _mean(curves: Sequence[Points], spread: Spread) -> Points:
    """Mean and band over several curves at the union of their steps."""
    steps = np.unique(np.concatenate([points.steps for points in curves]))
    values = np.stack([_at(steps, points.steps, points.y) for points in curves])
    places = np.stack([_at(steps, points.steps, points.x) for points in curves])
    counts = np.isfinite(values).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(np.where(np.isfinite(values), values, 0.0), axis=0) / counts
        x = np.nansum(places, axis=0) / np.isfinite(places).sum(axis=0)
    low, high = _band(values, mean, counts, spread)
    points = Points(steps, x, mean, None, low, high, counts.astype(np.float64))
    points = points.at(np.flatnonzero(np.isfinite(x)))
    return points.at(np.argsort(points.x, kind="stable")) if (np.diff(points.x) < 0).any() else points


def _at(steps: Numbers, own_steps: Numbers, values: Numbers) -> Numbers:
    """Interpolated within the curve's own steps; next to a NaN there is NaN."""
    order = np.argsort(own_steps, kind="stable")
    with np.errstate(invalid="ignore"):
        return np.interp(steps, own_steps[order], values[order], left=np.nan, right=np.nan)


def _band(values: Numbers, mean: Numbers, counts: Steps, spread: Spread) -> tuple[Numbers | None, Numbers | None]:
    """Lower and upper edge; NaN where a single curve allows no statement."""
    if spread is Spread.NONE:
        return None, None
    finite = np.isfinite(values)
    if spread is Spread.RANGE:
        low = np.where(finite, values, np.inf).min(axis=0)
        high = np.where(finite, values, -np.inf).max(axis=0)
        return np.where(counts > 0, low, np.nan), np.where(counts > 0, high, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.where(finite, (values - mean) ** 2, 0.0).sum(axis=0)
        deviation = np.sqrt(squares / (counts - 1))
        if spread is Spread.CONFIDENCE:
            deviation = deviation * _students_t(counts - 1) / np.sqrt(counts)
    half = np.where(counts > 1, deviation, np.nan)
    return mean - half, mean + half


def _students_t(degrees: Steps) -> Numbers:
    """That of each number of degrees of freedom; NaN below 1."""
    found, places = np.unique(degrees, return_inverse=True)
    known: Numbers = np.array([student_t(int(one)) if one > 0 else np.nan for one in found])[places]
    return known


def _smoothed(points: Points, weight: float) -> Points:
    """The line smoothed, its band moved along with smoothed widths; the original is kept beside it."""
    if weight <= 0:
        return points
    y = smooth(points.y, weight)
    low = None if points.low is None else y - smooth(points.y - points.low, weight)
    high = None if points.high is None else y + smooth(points.high - points.y, weight)
    return Points(points.steps, points.x, y, points.y, low, high, points.num_sources)
