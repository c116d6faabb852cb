"""Which way a curve went: told where it is more than noise."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curves import Series
from backend.domain.trends import Way, num_not_finite, thinned, trend


def curve(values: list[float]) -> Series:
    steps = np.arange(1, len(values) + 1, dtype=np.int64)
    return Series("train/loss", steps, np.array(values, dtype=np.float64), steps * 1.0)


def noisy(level: list[float], noise: float = 0.1) -> Series:
    chance = random.Random(7)  # noqa: S311 - a curve, not a secret
    return curve([one + chance.uniform(-noise, noise) for one in level])


def test_a_falling_loss_is_told_with_its_means() -> None:
    found = trend(noisy([2.1 - 0.008 * i for i in range(101)]))
    assert found is not None
    assert (found.way, found.num_steps) == (Way.FELL, 99)
    assert found.before == pytest.approx(2.0, abs=0.05)
    assert found.after == pytest.approx(1.4, abs=0.05)


def test_a_rising_loss_is_told() -> None:
    found = trend(noisy([1 + 0.01 * i for i in range(100)]))
    assert found is not None
    assert found.way is Way.ROSE


@pytest.mark.parametrize("level", [[1.0] * 100, [1 - 0.0001 * i for i in range(100)]])
def test_noise_is_no_trend(level: list[float]) -> None:
    found = trend(noisy(level))
    assert found is not None
    assert found.way is Way.STAYED


@pytest.mark.parametrize("values", [[], [1.0], [2 - 0.1 * i for i in range(19)], [1.0] * 50 + [math.nan]])
def test_too_little_or_no_number_says_nothing(values: list[float]) -> None:
    assert trend(curve(values)) is None


def test_of_a_long_curve_a_fifth_counts() -> None:
    found = trend(curve([1.0 / (1 + i) for i in range(100_000)]))
    assert found is not None
    assert found.num_steps == 19_999


def test_strange_values_are_counted_among_the_latest() -> None:
    assert num_not_finite(curve([math.nan] * 5 + [1.0] * 100 + [math.inf, math.nan])) == 2
    assert num_not_finite(None) == 0


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=500), st.integers(1, 60))
def test_a_thinned_curve_is_short_and_stays_within_the_values(values: list[float], num: int) -> None:
    found = thinned(curve(values), num)
    assert len(found) == min(len(values), num)
    finite = [value for value in values if math.isfinite(value)]
    for value in found:
        if math.isfinite(value):
            slack = 1e-9 * max(map(abs, finite))
            assert min(finite) - slack <= value <= max(finite) + slack
