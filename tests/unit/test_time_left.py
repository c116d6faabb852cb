"""How long a run still takes: from measured times, with a range, and words for days."""

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.components.durations import in_words
from app.components.time_words import left_shortly, left_wholly
from backend.domain.curves import Series
from backend.domain.time_left import MOST_POINTS, by_heartbeat, time_left


def written_at(times: list[float], every: int = 1, first: int = 1) -> Series:
    steps = np.arange(len(times), dtype=np.int64) * every + first
    return Series("train/loss", steps, np.ones(len(times)), np.array(times, dtype=np.float64))


def evenly(num: int, seconds: float, every: int = 1) -> Series:
    return written_at([1e9 + i * seconds for i in range(num)], every)


def test_even_steps_make_a_sure_estimate() -> None:
    left = time_left(1_000, evenly(100, 2.0))
    assert left is not None
    assert left.seconds == pytest.approx(2_000)
    assert left.is_sure
    assert left_wholly(left) == (
        "About 33 min left: an estimate from the last 99 steps, evaluations and checkpoints included."
    )


def test_evaluations_and_checkpoints_between_steps_count() -> None:
    """Each step takes a second, each tenth is followed by an evaluation of ten."""
    times, now = [], 1e9
    for step in range(1, 201):
        now += 1.0
        times.append(now)
        now += 10.0 if step % 10 == 0 else 0.0
    left = time_left(1_000, written_at(times))
    assert left is not None
    assert left.seconds == pytest.approx(2_000, rel=0.05)
    assert left.low <= 2_000 <= left.high


def test_points_of_every_tenth_step_are_steps_all_the_same() -> None:
    left = time_left(1_000, evenly(50, 20.0, every=10))
    assert left is not None
    assert (left.seconds, left.num_steps) == (pytest.approx(2_000), 490)


def test_steps_that_vary_give_a_range() -> None:
    times = np.cumsum([1.0 if i // 10 % 2 else 5.0 for i in range(200)]) + 1e9
    left = time_left(100, written_at(list(times)))
    assert left is not None
    assert not left.is_sure
    assert left.low < 300 < left.high
    assert ", between " in left_wholly(left)


def test_only_the_present_attempt_counts() -> None:
    """A night lay between the two."""
    times = [1e9 + i for i in range(50)] + [1e9 + 36_000 + i for i in range(50)]
    left = time_left(100, written_at(times), first_step=51)
    assert left is not None
    assert left.seconds == pytest.approx(100)


def test_only_the_latest_steps_count() -> None:
    times = np.cumsum([9.0] * 5_000 + [1.0] * (MOST_POINTS + 1)) + 1e9
    left = time_left(100, written_at(list(times)))
    assert left is not None
    assert (left.seconds, left.num_steps) == (pytest.approx(100), MOST_POINTS)


@pytest.mark.parametrize("times", [[], [1e9], [1e9 + i for i in range(8)], [1e9 - i for i in range(50)], [1e9] * 50])
def test_too_few_points_or_a_clock_that_was_set_back_say_nothing(times: list[float]) -> None:
    assert time_left(100, written_at(times)) is None


def test_before_that_the_heartbeat_speaks_and_says_what_is_not_in_it() -> None:
    left = by_heartbeat(90, 2.0)
    assert left is not None
    assert left_shortly(left) == "about 3 min left (estimate)"
    assert left_wholly(left).endswith("from the last 20 steps, evaluations and checkpoints not included.")
    assert by_heartbeat(90, None) is None


def test_more_than_a_day_is_said_in_days() -> None:
    left = time_left(27 * 3_600, evenly(100, 1.0))
    assert left is not None
    assert left_shortly(left) == "about 1 day 3 h left (estimate)"
    assert in_words(timedelta(days=40, hours=5).total_seconds()) == "40 days 5 h"


@given(
    st.lists(st.floats(0.001, 1_000), min_size=20, max_size=600),
    st.integers(0, 10**8),
    st.integers(1, 1_000),
)
def test_any_times_of_steps_give_an_estimate_within_its_range(gaps: list[float], steps: int, every: int) -> None:
    series = written_at(list(np.cumsum(gaps) + 1e9), every)
    left = time_left(steps, series)
    if left is None:
        assert len(gaps) * every < 20
        return
    assert 0 <= left.low <= left.seconds <= left.high
    assert math.isfinite(left.high)
    assert (min(gaps) * 0.99 - 1e-5) * steps / every <= left.seconds <= (max(gaps) * 1.01 + 1e-5) * steps / every
    assert left_wholly(left).startswith("About ")
