"""Which points of a line are worth sending: those in the window, as many as the pixels can show."""

import numpy as np
from tsdownsample import MinMaxDownsampler

from backend.domain.board_lines import Points
from backend.domain.curves import Numbers, Steps

POINTS_PER_PIXEL = 2  # the lowest and the highest
FEWEST_POINTS = 16
_MIN_MAX = MinMaxDownsampler()  # type: ignore[no-untyped-call]


def inside(points: Points, window: tuple[float, float] | None) -> slice:
    """The points in the window and one more to each side, so that lines go on to the edge; all without one."""
    if window is None:
        return slice(0, len(points))
    first = int(np.searchsorted(points.x, window[0], side="left"))
    end = int(np.searchsorted(points.x, window[1], side="right"))
    return slice(max(0, first - 1), min(len(points), end + 1))


def thin(points: Points, num_pixels: int, *, is_log_x: bool = False) -> Points:
    """At most about two points for each pixel, unchanged, and never fewer than a short line has.

    Kept are the first and the last point, the lowest and the highest of each pixel (of the original where the
    line is smoothed; of the edges where it has a band), infinities among them, and the first NaN of each pixel.
    The pixels are of equal width, on a logarithmic axis in its measure.
    """
    room = max(FEWEST_POINTS, POINTS_PER_PIXEL * num_pixels)
    if len(points) <= room:
        return points
    places = _places(points.x, is_log=is_log_x)
    shown = points.y if points.raw is None else points.raw
    chosen = [np.array([0, len(points) - 1])]
    if points.low is None or points.high is None:
        chosen.append(extremes(places, shown, room))
    else:
        chosen += [extremes(places, column, room // 3) for column in (shown, points.low, points.high)]
    return points.at(np.unique(np.concatenate(chosen)))


def extremes(places: Numbers, values: Numbers, room: int) -> Steps:
    """Indices of the lowest and highest of `room / 2` stretches of equal width, and of the first NaN in each."""
    is_nan = np.isnan(values)
    known = np.flatnonzero(~is_nan)
    found = known
    if len(known) > room:
        kept = _MIN_MAX.downsample(places[known], np.ascontiguousarray(values[known]), n_out=room - room % 2)
        found = known[kept.astype(np.int64)]
    if not is_nan.any():
        return found.astype(np.int64)
    gaps = np.flatnonzero(is_nan)
    width = (places[-1] - places[0]) / (room / 2) or 1.0
    _, first = np.unique(np.floor((places[gaps] - places[0]) / width), return_index=True)
    return np.concatenate([found, gaps[first]]).astype(np.int64)


def _places(x: Numbers, *, is_log: bool) -> Numbers:
    """Where points lie on the screen; what a logarithmic axis cannot show lies at its left end."""
    if not is_log:
        return np.ascontiguousarray(x)
    positive = x[x > 0]
    lowest = positive[0] if len(positive) else 1.0
    return np.log10(np.maximum(x, lowest))
