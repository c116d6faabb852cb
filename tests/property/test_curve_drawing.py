"""Downsampling keeps what matters, and smoothing is TensorBoard's formula, for any curve."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curves import Series
from backend.domain.downsampling import downsample
from backend.domain.smoothing import smooth

SPECIAL = [float("nan"), float("inf"), float("-inf"), 0.0]


@st.composite
def curves(draw: st.DrawFn) -> list[float]:
    """Up to 500 values, of which some are replaced by what Hypothesis or we find remarkable."""
    values = np.random.default_rng(draw(st.integers(0, 999))).normal(size=draw(st.integers(0, 500))).tolist()
    remarkable = st.one_of(st.sampled_from(SPECIAL), st.floats(width=32))
    for place in draw(st.lists(st.integers(0, max(0, len(values) - 1)), max_size=8)) if values else []:
        values[place] = draw(remarkable)
    return values


numbers = st.one_of(st.lists(st.floats(width=32), max_size=20), curves())


def _series(values: list[float]) -> Series:
    steps = np.arange(len(values), dtype=np.int64) * 3
    return Series("a", steps, np.array(values, np.float64), steps.astype(np.float64))


@given(numbers, st.integers(2, 60))
def test_a_shorter_curve_has_only_points_of_the_long_one_in_order(values: list[float], num_points: int) -> None:
    series = _series(values)
    short = downsample(series, num_points)
    assert len(short) <= max(num_points, 0)
    at = short.steps // 3
    assert (np.diff(at) > 0).all()
    np.testing.assert_array_equal(short.values, series.values[at])
    np.testing.assert_array_equal(short.wall_times, series.wall_times[at])


@given(numbers, st.integers(5, 60))
def test_extremes_both_ends_and_divergence_stay_visible(values: list[float], num_points: int) -> None:
    series = _series(values)
    short = downsample(series, num_points)
    assert short.steps[:1].tolist() == series.steps[:1].tolist()
    assert short.steps[-1:].tolist() == series.steps[-1:].tolist()
    assert np.isnan(short.values).any() == np.isnan(series.values).any()
    known = series.values[~np.isnan(series.values)]
    if len(known):
        assert np.nanmax(short.values) == known.max()
        assert np.nanmin(short.values) == known.min()


@given(numbers)
def test_a_curve_that_is_short_enough_is_returned_itself(values: list[float]) -> None:
    series = _series(values)
    assert downsample(series, max(2, len(values))) is series


def test_two_points_are_the_ends_and_fewer_are_refused() -> None:
    assert downsample(_series([1.0, 9.0, 2.0, 3.0]), 2).values.tolist() == [1.0, 3.0]
    with pytest.raises(ValueError, match="at least 2"):
        downsample(_series([1.0]), 1)


def test_one_spike_among_a_million_points_stays() -> None:
    values = np.zeros(1_000_000)
    values[654_321] = 1e6
    steps = np.arange(len(values))
    assert downsample(Series("a", steps, values, values), 500).values.max() == 1e6


def _by_the_formula(values: list[float], weight: float) -> list[float]:
    finite = [value for value in values if math.isfinite(value)]
    if weight == 0 or len(set(finite)) <= 1:
        return values
    average, count, smoothed = 0.0, 0, []
    for value in values:
        if math.isfinite(value):
            average, count = average * weight + (1 - weight) * value, count + 1
            smoothed.append(average / (1 - weight**count))
        else:
            smoothed.append(value)
    return smoothed


@given(numbers, st.floats(0, 0.999))
def test_smoothing_is_the_debiased_average_of_the_finite_values(values: list[float], weight: float) -> None:
    expected = np.array(_by_the_formula(values, weight))
    finite = expected[np.isfinite(expected)]
    scale = np.abs(finite).max(initial=0.0)
    np.testing.assert_allclose(smooth(np.array(values), weight), expected, rtol=1e-9, atol=1e-9 * scale)


def test_smoothing_leaves_its_input_and_constant_curves_alone() -> None:
    values = np.array([1.0, 3.0, np.nan, 2.0])
    smoothed = smooth(values, 0.9)
    assert values[1] == 3.0
    assert smoothed[0] == pytest.approx(1.0)
    assert np.isnan(smoothed[2])
    assert smooth(np.full(300, 0.1), 0.99).tolist() == [0.1] * 300


@pytest.mark.parametrize("weight", [-0.1, 1.0, float("nan")])
def test_a_weight_outside_of_the_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        smooth(np.zeros(3), weight)
