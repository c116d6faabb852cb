"""Durations as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.components.durations import in_words, roughly


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (18_600, "5 h 10 min"),
        (90_000, "1 day 1 h"),
        (86_399.6, "1 day"),
        (97_200, "1 day 3 h"),
        (183_600, "2 days 3 h"),
    ],
)
def test_durations_are_said_in_two_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@given(st.integers(0, 10**7))
def test_what_is_said_is_within_the_smaller_unit(seconds: int) -> None:
    sizes = {"day": 86_400, "days": 86_400, "h": 3_600, "min": 60, "s": 1}
    parts = in_words(seconds).split()
    said = sum(int(number) * sizes[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))
    larger = sizes[parts[1]]
    assert 0 <= seconds - said < max(1, larger)


@given(st.floats(0, 10**8))
def test_a_rough_duration_is_within_a_twentieth_and_a_second(seconds: float) -> None:
    assert abs(_seconds(roughly(seconds)) - seconds) <= max(1.0, seconds / 20)


@given(st.floats(0, 10**8), st.floats(0, 10**8))
def test_a_longer_duration_never_sounds_shorter(one: float, other: float) -> None:
    assert one > other or _seconds(in_words(one)) <= _seconds(in_words(other))


def _seconds(words: str) -> int:
    sizes = {"day": 86_400, "days": 86_400, "h": 3_600, "min": 60, "s": 1}
    parts = words.replace(",", "").split()
    return sum(int(number) * sizes[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))
