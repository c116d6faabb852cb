"""Fewer points for drawing, without losing a spike."""

import numpy as np

from backend.domain.curves import Numbers, Series, Steps, freeze

MIN_POINTS = 2  # the first and the last


def downsample(series: Series, num_points: int) -> Series:
    """At most `num_points` points of a series, unchanged; the series itself if it is short enough.

    The first and the last point stay. The points between fall into buckets of equal count, of which the
    lowest and the highest stay, and of a series with NaN also the first NaN of each bucket (only if
    `num_points` leaves room for buckets at all). Infinities count as lowest and highest. Raises ValueError
    below two points.
    """
    if num_points < MIN_POINTS:
        raise ValueError(f"num_points must be at least {MIN_POINTS}, not {num_points}")
    if len(series) <= num_points:
        return series
    chosen = np.concatenate(([0], 1 + _telling(series.values[1:-1], num_points - MIN_POINTS), [len(series) - 1]))
    arrays = series.steps[chosen], series.values[chosen], series.wall_times[chosen]
    freeze(arrays)
    return Series(series.tag, *arrays)


def _telling(values: Numbers, room: int) -> Steps:
    """Rising indices of at most `room` values: the extremes, and NaN, of each bucket."""
    has_nan = bool(np.isnan(values).any())
    num_buckets = room // (3 if has_nan else 2)
    if not num_buckets:
        return np.empty(0, np.int64)
    width = -(-len(values) // num_buckets)
    first = np.arange(0, len(values), width)
    found = [
        first + _buckets(values, width, np.inf).argmin(axis=1),
        first + _buckets(values, width, -np.inf).argmax(axis=1),
    ]
    if has_nan:
        is_nan = np.isnan(_buckets(values, width, None))
        found.append((first + is_nan.argmax(axis=1))[is_nan.any(axis=1)])
    return np.unique(np.concatenate(found))


def _buckets(values: Numbers, width: int, stand_in: float | None) -> Numbers:
    """Rows of `width` values; the last is filled up, and NaN replaced, by a value that never wins."""
    filled = np.full(-(-len(values) // width) * width, 0.0 if stand_in is None else stand_in)
    filled[: len(values)] = values
    if stand_in is not None:
        filled[np.isnan(filled)] = stand_in
    return filled.reshape(-1, width)
