"""What travels to a board is enough: deltas add up, nothing remarkable is thinned away, windows are complete."""

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.board import Board, Chart, Line, Look, Spread, XAxis
from backend.domain.board_lines import Points, line_points
from backend.domain.curves import Curves, Series
from backend.domain.viewport import POINTS_PER_PIXEL, inside, thin
from backend.services.curve_feed import CurveFeed, View, same_until
from backend.services.feed_wire import encoded
from tests.fakes.board_viewer import COLUMNS, Viewer, decoded, same

SOURCES = ("run:a", "run:b", "run:c")
TAGS = ("train/loss", "train/num_tokens", "train/epoch")
values = st.one_of(st.floats(-100, 100, width=32), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e30]))


class Growing:
    """Sources whose curves are what a list of (step, value) says."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[int, float]]] = {source: [] for source in SOURCES}
        self._read: dict[str, Curves] = {}

    def grow(self, source: str, added: Sequence[tuple[int, float]]) -> None:
        """Points behind the others: (distance to the one before, value)."""
        for distance, value in added:
            last = self.points[source][-1][0] if self.points[source] else -1
            self.points[source].append((last + distance, value))
        self._read.pop(source, None)

    def go_back(self, source: str, num_points: int) -> None:
        """A restart: the last points are gone."""
        del self.points[source][max(0, len(self.points[source]) - num_points) :]
        self._read.pop(source, None)

    def curves(self, source: str) -> Curves:
        if source not in self._read:
            steps = np.array([step for step, _ in self.points[source]], np.int64)
            columns = {
                "train/loss": np.array([value for _, value in self.points[source]], np.float64),
                "train/num_tokens": steps * 512.0,
                "train/epoch": steps / 40.0,
            }
            series = {tag: Series(tag, steps, column, 1e9 + steps * 1.5) for tag, column in columns.items()}
            self._read[source] = Curves(1, MappingProxyType(series if len(steps) else {}), ())
        return self._read[source]


grown = st.tuples(st.sampled_from(SOURCES), st.lists(st.tuples(st.integers(1, 4), values), max_size=12))
stepped_back = st.tuples(st.sampled_from(SOURCES), st.integers(1, 6))
looks = st.builds(
    Look,
    smoothing=st.sampled_from([0.0, 0.6, 0.97]),
    x=st.sampled_from(XAxis),
    spread=st.sampled_from(Spread),
)
WHOLE = Board(
    (
        Chart("single", "", tuple(Line((source,), "train/loss", "") for source in SOURCES)),
        Chart("mean", "", (Line(SOURCES, "train/loss", ""),)),
        Chart("minus", "", (Line(("run:a",), "train/loss", "", minus="run:b"), Line(SOURCES[:2], "train/loss", ""))),
    )
)
ALL = frozenset(chart.id for chart in WHOLE.charts)
windows = st.none() | st.tuples(st.floats(-10, 60), st.floats(1, 80)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(looks, st.lists(st.one_of(grown, stepped_back), min_size=1, max_size=8), windows)
def test_deltas_add_up_to_what_a_new_viewer_is_told(
    look: Look, moves: list[tuple[str, int | list[tuple[int, float]]]], window: tuple[float, float] | None
) -> None:
    sources, viewer = Growing(), Viewer()
    view = View(ALL, 1_000, window)
    feed = CurveFeed(sources.curves, Board(WHOLE.charts, look), view)
    for source, move in moves:
        if isinstance(move, int):
            sources.go_back(source, move)
        else:
            sources.grow(source, move)
        viewer.take(feed)
    fresh = Viewer()
    fresh.take(CurveFeed(sources.curves, Board(WHOLE.charts, look), view))
    assert viewer.totals == fresh.totals
    for place, points in fresh.lines.items():
        assert same(viewer.lines[place], points), (place, viewer.lines[place], points)


@given(looks, st.lists(grown, min_size=1, max_size=4))
def test_nothing_is_told_twice(look: Look, moves: list[tuple[str, list[tuple[int, float]]]]) -> None:
    sources, viewer = Growing(), Viewer()
    feed = CurveFeed(sources.curves, Board(WHOLE.charts, look), View(ALL, 1_000))
    for source, added in moves:
        sources.grow(source, added)
        viewer.take(feed)
        assert viewer.take(feed) == []


@given(st.lists(st.tuples(st.integers(1, 3), values), min_size=1, max_size=30), st.integers(1, 5))
def test_a_single_curve_that_grew_costs_what_was_added(points: list[tuple[int, float]], num_added: int) -> None:
    sources, viewer = Growing(), Viewer()
    sources.grow("run:a", points)
    board = Board((Chart("one", "", (Line(("run:a",), "train/loss", ""),)),))
    feed = CurveFeed(sources.curves, board, View(frozenset({"one"}), 1_000))
    viewer.take(feed)
    before = viewer.num_bytes
    sources.grow("run:a", [(1, 0.5)] * num_added)
    (part,) = viewer.take(feed)
    assert len(part.points) == num_added
    assert viewer.num_bytes - before <= 32 + 12 * num_added + (4 * num_added if 1e30 in dict(points).values() else 0)


def _remarkable(seed: int, length: int, remarkable: list[tuple[float, float]]) -> Points:
    random = np.random.default_rng(seed)
    y = random.normal(size=length).cumsum()
    for place, value in remarkable:
        y[int(place * length)] = value
    x = np.cumsum(random.integers(0, 4, length)).astype(np.float64)
    return Points(np.arange(length, dtype=np.float64), x, y)


curves = st.builds(
    _remarkable,
    st.integers(0, 999),
    st.integers(1, 3_000),
    st.lists(st.tuples(st.floats(0, 0.999), values), max_size=6),
)


@given(curves, st.integers(20, 300), st.booleans())
def test_spikes_gaps_infinities_and_both_ends_survive_thinning(points: Points, num_pixels: int, is_log: bool) -> None:
    short = thin(points, num_pixels, is_log_x=is_log)
    places = np.searchsorted(points.steps, short.steps)
    assert (np.diff(places) > 0).all()
    for name in COLUMNS[:3]:
        np.testing.assert_array_equal(getattr(short, name), getattr(points, name)[places])
    assert len(short) <= POINTS_PER_PIXEL * num_pixels + 2 + np.isnan(short.y).sum()
    assert np.isnan(short.y).sum() <= num_pixels + 1
    assert places[0] == 0
    assert places[-1] == len(points) - 1
    assert np.isnan(short.y).any() == np.isnan(points.y).any()
    known, kept = points.y[~np.isnan(points.y)], short.y[~np.isnan(short.y)]
    assert (kept.max(), kept.min()) == (known.max(), known.min()) if len(known) else not len(kept)


@given(curves, st.integers(20, 300))
def test_both_extremes_of_every_stretch_that_is_a_pixel_wide_are_within_it(points: Points, num_pixels: int) -> None:
    finite = points.at(np.flatnonzero(np.isfinite(points.y)))
    short = thin(finite, num_pixels)
    if len(short) == len(finite):
        return
    width = (finite.x[-1] - finite.x[0]) / num_pixels
    for number in range(num_pixels):
        low, high = finite.x[0] + (number - 1) * width, finite.x[0] + (number + 2) * width
        around = finite.y[(finite.x >= low) & (finite.x <= high)]
        here = finite.y[(finite.x >= low + width) & (finite.x <= high - width)]
        kept = short.y[(short.x >= low) & (short.x <= high)]
        if len(here):
            assert around.min() <= kept.min() <= here.min()
            assert around.max() >= kept.max() >= here.max()


@given(curves, st.floats(-100, 7_000), st.floats(0.5, 3_000))
def test_a_window_shows_all_inside_and_one_neighbour_on_each_side(points: Points, low: float, width: float) -> None:
    shown = inside(points, (low, low + width))
    is_inside = (points.x >= low) & (points.x <= low + width)
    assert is_inside[shown].sum() == is_inside.sum()
    assert shown.stop - shown.start <= is_inside.sum() + 2
    if is_inside.any():
        first, last = np.flatnonzero(is_inside)[[0, -1]]
        assert (shown.start, shown.stop) == (max(0, first - 1), min(len(points), last + 2))


@given(curves)
def test_zooming_in_ends_with_every_point(points: Points) -> None:
    low, high = float(points.x[0]), float(points.x[-1])
    for _ in range(12):
        high = low + (high - low) / 2
    detail = points.at(inside(points, (low, high)))
    assert len(thin(detail, 600)) == len(detail)


@given(curves, st.booleans(), st.booleans())
def test_bytes_say_what_was_meant(points: Points, has_raw: bool, has_band: bool) -> None:
    from backend.services.curve_feed import LinePart

    raw, band = (points.y if has_raw else None), (points.y if has_band else None)
    told = Points(points.steps, points.x, points.y, raw, band, band, points.steps if has_band else None)
    part = LinePart(3, 4, told, 99, 1.5, ((points.x, points.y),))
    question, (heard,) = decoded(encoded([part], 12))
    assert (question, heard.chart, heard.line, heard.num_total, heard.replaces_from) == (12, 3, 4, 99, 1.5)
    assert same(heard.points, told)
    np.testing.assert_array_equal(heard.points.x, told.x)
    np.testing.assert_array_equal(heard.ghosts[0][0], points.x)


@given(st.lists(st.tuples(st.integers(1, 3), values), max_size=20), st.integers(0, 20), values)
def test_curves_are_the_same_up_to_the_first_change(points: list[tuple[int, float]], place: int, value: float) -> None:
    sources = Growing()
    sources.grow("run:a", points)
    before = sources.curves("run:a").series.get("train/loss")
    sources.points["run:a"] = [
        (step, value if i == place else old) for i, (step, old) in enumerate(sources.points["run:a"])
    ]
    sources.grow("run:a", [(1, 1.0)])
    now = sources.curves("run:a").series["train/loss"]
    step = same_until(before, now)
    if before is None:
        assert step == -math.inf
        return
    is_same = [
        old == new or (math.isnan(old) and math.isnan(new)) for old, new in zip(before.values, now.values, strict=False)
    ]
    expected = is_same.index(False) if False in is_same else len(is_same)
    assert step == (now.steps[expected - 1] if expected else -math.inf)


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 4), st.floats(-50, 50)), min_size=1, max_size=10), min_size=2, max_size=3
    )
)
def test_a_mean_lies_within_its_range_and_counts_who_was_there(added: list[list[tuple[int, float]]]) -> None:
    sources = Growing()
    names = SOURCES[: len(added)]
    for source, points in zip(names, added, strict=True):
        sources.grow(source, points)
    line = Line(names, "train/loss", "")
    mean = line_points(line, Look(spread=Spread.RANGE), {name: sources.curves(name) for name in names})
    assert mean.low is not None
    assert mean.high is not None
    assert mean.num_sources is not None
    assert (mean.low - 1e-9 <= mean.y).all()
    assert (mean.y <= mean.high + 1e-9).all()
    for step, count in zip(mean.steps, mean.num_sources, strict=True):
        there = [name for name in names if sources.points[name][0][0] <= step <= sources.points[name][-1][0]]
        assert count == len(there)
