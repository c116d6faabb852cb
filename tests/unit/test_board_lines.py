"""What lines are drawn through, on small curves that can be reckoned by hand."""

import math
from types import MappingProxyType

import numpy as np
import pytest

from backend.domain.board import Board, Chart, Line, Look, Mark, Spread, XAxis
from backend.domain.board_lines import beginning, line_points
from backend.domain.curves import Curves, Series
from backend.services.curve_feed import CurveFeed, View
from tests.fakes.board_viewer import Viewer


def a_series(tag: str, points: dict[int, float], begins_at: float = 1_000.0) -> Series:
    steps = np.array(list(points), np.int64)
    return Series(tag, steps, np.array(list(points.values())), begins_at + 2.0 * steps)


def some_curves(*series: Series, ghosts: tuple[Series, ...] = ()) -> Curves:
    by_tag = MappingProxyType({one.tag: one for one in series})
    return Curves(1, by_tag, (), ghosts=MappingProxyType({"loss": ghosts} if ghosts else {}))


LOSS = {0: 4.0, 10: 2.0, 20: 1.0}
ONE = Line(("a",), "loss", "")


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (XAxis.STEP, [0, 10, 20]),
        (XAxis.WALL, [1_000, 1_020, 1_040]),
        (XAxis.RELATIVE, [0, 20, 40]),
        (XAxis.TOKENS, [0, 500, 1_000]),
        (XAxis.EPOCH, [0, 0.5, 1]),
    ],
)
def test_a_point_lies_where_the_axis_says(axis: XAxis, expected: list[float]) -> None:
    tokens, epochs = a_series("train/num_tokens", {0: 0, 20: 1_000}), a_series("train/epoch", {0: 0, 10: 0.5, 20: 1})
    points = line_points(ONE, Look(x=axis), {"a": some_curves(a_series("loss", LOSS), tokens, epochs)})
    assert points.x.tolist() == expected
    assert points.y.tolist() == [4, 2, 1]


def test_points_wait_until_their_tokens_are_known() -> None:
    curves = some_curves(a_series("loss", LOSS), a_series("train/num_tokens", {0: 0, 10: 80}))
    points = line_points(ONE, Look(x=XAxis.TOKENS), {"a": curves})
    assert (points.x.tolist(), points.y.tolist()) == ([0, 80], [4, 2])
    assert len(line_points(ONE, Look(x=XAxis.EPOCH), {"a": curves})) == 0


def test_relative_time_begins_with_the_first_point_of_the_run() -> None:
    curves = some_curves(a_series("loss", {5: 1.0}), a_series("other", {0: 1.0}))
    assert line_points(ONE, Look(x=XAxis.RELATIVE), {"a": curves}).x.tolist() == [10]


def test_a_clock_that_was_set_back_does_not_fold_the_line() -> None:
    series = Series("loss", np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0]), np.array([30.0, 10.0, 20.0]))
    points = line_points(ONE, Look(x=XAxis.WALL), {"a": some_curves(series)})
    assert (points.x.tolist(), points.y.tolist()) == ([10, 20, 30], [2, 3, 1])


def test_a_difference_is_taken_where_both_are_known() -> None:
    known = {"a": some_curves(a_series("loss", LOSS)), "b": some_curves(a_series("loss", {5: 1.0, 15: 3.0}))}
    points = line_points(Line(("a",), "loss", "", minus="b"), Look(), known)
    assert (points.x.tolist(), points.y.tolist()) == ([10], [0.0])
    assert len(line_points(Line(("a",), "loss", "", minus="nobody"), Look(), known)) == 0


KNOWN = {
    name: some_curves(a_series("loss", {0: value, 10: value})) for name, value in (("a", 1.0), ("b", 2.0), ("c", 6.0))
}
ALL = Line(("a", "b", "c"), "loss", "")


@pytest.mark.parametrize(
    ("spread", "half"),
    [(Spread.DEVIATION, math.sqrt(7)), (Spread.CONFIDENCE, 4.302653 * math.sqrt(7) / math.sqrt(3))],
)
def test_the_band_is_the_sample_deviation_or_its_confidence_interval(spread: Spread, half: float) -> None:
    points = line_points(ALL, Look(spread=spread), KNOWN)
    assert points.low is not None
    assert points.high is not None
    assert points.num_sources is not None
    assert points.y.tolist() == [3, 3]
    assert points.low.tolist() == pytest.approx([3 - half] * 2)
    assert points.high.tolist() == pytest.approx([3 + half] * 2)
    assert points.num_sources.tolist() == [3, 3]


def test_the_range_goes_from_lowest_to_highest_and_none_is_none() -> None:
    points = line_points(ALL, Look(spread=Spread.RANGE), KNOWN)
    assert points.low is not None
    assert points.high is not None
    assert (points.low.tolist(), points.high.tolist()) == ([1, 1], [6, 6])
    assert line_points(ALL, Look(spread=Spread.NONE), KNOWN).low is None


def test_one_run_alone_has_no_band() -> None:
    known = KNOWN | {
        "c": some_curves(a_series("loss", {0: 6.0, 20: 6.0})),
        "b": some_curves(a_series("loss", {0: 2.0})),
    }
    points = line_points(ALL, Look(spread=Spread.DEVIATION), known)
    assert points.low is not None
    assert points.num_sources is not None
    assert points.steps.tolist() == [0, 10, 20]
    assert points.num_sources.tolist() == [3, 2, 1]
    assert np.isnan(points.low).tolist() == [False, False, True]


def test_smoothing_keeps_the_original_beside_it() -> None:
    points = line_points(ONE, Look(smoothing=0.5), {"a": some_curves(a_series("loss", LOSS))})
    assert points.raw is not None
    assert points.raw.tolist() == [4, 2, 1]
    assert points.y.tolist() == pytest.approx([4, 8 / 3, 12 / 7])


def test_the_confidence_band_is_as_wide_as_the_tables_say() -> None:
    known = {
        name: some_curves(a_series("loss", values))
        for name, values in zip("abc", ({0: 1.0, 9: 1.0}, {0: 2.0, 9: 3.0}, {0: 3.0}), strict=True)
    }
    points = line_points(ALL, Look(spread=Spread.CONFIDENCE), known)
    assert points.low is not None
    assert points.high is not None
    assert points.high[0] - points.y[0] == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    assert points.y[1] - points.low[1] == pytest.approx(12.7062 * math.sqrt(2) / math.sqrt(2), abs=1e-3)


def test_a_run_begins_with_its_first_moment_that_is_one() -> None:
    odd = Series("loss", np.array([0, 1]), np.array([1.0, 2.0]), np.array([np.nan, 1_005.0]))
    fine = a_series("eval", {0: 1.0, 2: 2.0})
    curves = some_curves(odd, fine)
    assert beginning(curves) == float(fine.wall_times[0])
    points = line_points(ONE, Look(x=XAxis.RELATIVE), {"a": curves})
    assert points.x.tolist() == [1_005.0 - beginning(curves)]


def test_ghosts_and_marks_come_with_the_curve() -> None:
    ghost = a_series("loss", {12: 9.0, 14: 8.0})
    curves = some_curves(a_series("loss", LOSS), ghosts=(ghost,))
    chart = Chart(
        "c", "", (ONE,), (Mark("a", 10, "attempt", ""), Mark("a", 11, "attempt", ""), Mark("b", 1, "attempt", ""))
    )

    def read(source: str) -> Curves:
        assert source == "a"
        return curves

    feed = CurveFeed(read, Board((chart,), Look(x=XAxis.RELATIVE)), View(frozenset({"c"})))
    ((parts, notes),) = feed.news()
    assert [(x.tolist(), y.tolist()) for x, y in parts[0].ghosts] == [([24, 28], [9, 8])]
    assert notes is not None
    assert notes.marks == (20.0, 40.0, None)
    plain = CurveFeed(read, Board((chart,), Look(shows_ghosts=False)), View(frozenset({"c"})))
    ((parts, _),) = plain.news()
    assert parts[0].ghosts == ()


def test_nothing_is_read_for_charts_that_are_not_on_the_screen() -> None:
    def read(source: str) -> Curves:
        raise AssertionError(source)

    feed = CurveFeed(read, Board((Chart("c", "", (ONE,)),)), View(frozenset({"another"})))
    assert Viewer().take(feed) == []
    assert feed.sources() == frozenset()


def test_a_curve_that_outgrew_the_screen_is_sent_anew_and_thin() -> None:
    points = dict(enumerate(np.sin(np.arange(6_000) / 9).tolist()))
    now = [some_curves(a_series("loss", dict(list(points.items())[:50])))]
    feed = CurveFeed(lambda _: now[0], Board((Chart("c", "", (ONE,)),)), View(frozenset({"c"}), 100))
    viewer = Viewer()
    viewer.take(feed)
    for end in range(100, 6_001, 50):
        now[0] = some_curves(a_series("loss", dict(list(points.items())[:end])))
        viewer.take(feed)
        assert len(viewer.lines[0, 0]) <= 600
        assert viewer.totals[0, 0] == end
        assert viewer.lines[0, 0].x[-1] == end - 1
