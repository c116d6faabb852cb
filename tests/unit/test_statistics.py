"""Means of a few seeds, and what may be said of them."""

import math
import statistics as oracle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.statistics import are_apart, student_t, summarise

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("degrees", "t"),
    [(1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (9, 2.2622), (29, 2.0452), (100, 1.9840)],
)
def test_students_t_is_that_of_the_tables(degrees: int, t: float) -> None:
    assert student_t(degrees) == pytest.approx(t, abs=5e-5)


def test_students_t_for_other_confidences() -> None:
    assert student_t(1, 0.5) == pytest.approx(1.0)
    assert student_t(10, 0.99) == pytest.approx(3.1693, abs=5e-5)
    assert student_t(100_000) == pytest.approx(1.95998, abs=1e-4)


@pytest.mark.parametrize(("degrees", "confidence"), [(0, 0.95), (-1, 0.95), (3, 0.0), (3, 1.0)])
def test_there_is_no_t_for_nonsense(degrees: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no t"):
        student_t(degrees, confidence)


@given(st.lists(numbers, min_size=2, max_size=30))
def test_mean_and_deviation_are_those_of_the_standard_library(values: list[float]) -> None:
    found = summarise(values)
    assert found is not None
    scale = max(abs(value) for value in values) + 1e-12
    assert found.mean == pytest.approx(oracle.fmean(values), abs=1e-9 * scale)
    assert found.deviation == pytest.approx(oracle.stdev(values), rel=1e-6, abs=1e-7 * scale)
    assert found.error == pytest.approx(oracle.stdev(values) / math.sqrt(len(values)), rel=1e-6, abs=1e-7 * scale)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.mean <= found.high


@given(st.lists(st.floats(), max_size=10))
def test_what_is_not_finite_does_not_count(values: list[float]) -> None:
    found = summarise(values)
    num_finite = sum(map(math.isfinite, values))
    assert (found.n if found else 0) == num_finite
    assert found is None or math.isfinite(found.mean)


@given(st.lists(numbers, min_size=1, max_size=6), st.lists(numbers, min_size=1, max_size=6))
def test_nothing_is_ranked_whose_intervals_overlap(ones: list[float], others: list[float]) -> None:
    one, other = summarise(ones), summarise(others)
    assert one is not None
    assert other is not None
    assert are_apart(one, other) == are_apart(other, one)
    if are_apart(one, other):
        assert min(one.n, other.n) >= 2
        assert one.mean != other.mean


def test_three_seeds_each_can_be_told_apart_or_not() -> None:
    low, high = summarise([1.00, 1.01, 0.99]), summarise([2.00, 2.01, 1.99])
    close = summarise([1.00, 1.02, 1.01])
    assert low
    assert high
    assert close
    assert are_apart(low, high)
    assert not are_apart(low, close)
    alone = summarise([5.0])
    assert alone
    assert not are_apart(low, alone)
