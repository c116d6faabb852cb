"""Durations as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.components.durations import in_words


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
        (90_000, "1 d 1 h"),
        (183_600, "2 d 3 h"),
    ],
)
def test_durations_are_said_in_two_units(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@given(st.integers(0, 10**7))
def test_what_is_said_is_within_the_smaller_unit(seconds: int) -> None:
    sizes = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    parts = in_words(seconds).split()
    said = sum(int(number) * sizes[unit] for number, unit in zip(parts[::2], parts[1::2], strict=True))
    larger = sizes[parts[1]]
    assert 0 <= seconds - said < max(1, larger)
