"""Smoothing is TensorBoard's formula, for any curve."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
