"""A filter that a person types never breaks the page."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.name_filter import MAX_PATTERN, choose

TAGS = ("train/loss", "eval/loss", "perf/tokens_per_second", "gpu/0/memory_bytes")
nasty = st.text(st.sampled_from(list("()[]{}*+?|^$.\\abl/eos<>=!:#-,0123456789")), max_size=40)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", TAGS),
        ("  ", TAGS),
        ("loss", TAGS[:2]),
        ("LOSS$", TAGS[:2]),
        ("^(train|eval)/", TAGS[:2]),
        (r"gpu/\d+", TAGS[3:]),
        ("nothing of the kind", ()),
    ],
)
def test_a_pattern_is_found_anywhere_in_a_name(pattern: str, found: tuple[str, ...]) -> None:
    assert choose(TAGS, pattern).names == found
    assert choose(TAGS, pattern).problem == ""


def test_what_is_no_pattern_is_searched_for_as_it_is_written() -> None:
    found = choose((*TAGS, "a(b"), "A(")
    assert found.names == ("a(b",)
    assert "not a regular expression" in found.problem


def test_what_is_too_long_is_plain_text() -> None:
    found = choose(TAGS, "loss|" * MAX_PATTERN)
    assert found.names == ()
    assert "longer than" in found.problem


def test_a_pattern_that_takes_for_ever_is_given_up() -> None:
    begun = time.process_time()
    found = choose(["a" * 200 + "b"] * 50, "(a|a|aa)+$")
    assert time.process_time() - begun < 20  # without the guard: longer than anybody has ever waited
    assert "takes too long" in found.problem


@given(st.one_of(nasty, st.text(max_size=60)), st.lists(st.text(max_size=30), max_size=8))
def test_no_pattern_raises_or_invents_a_name(pattern: str, names: list[str]) -> None:
    found = choose(names, pattern)
    left = list(names)
    for name in found.names:
        left.remove(name)


@given(st.lists(st.text(max_size=20), max_size=8))
def test_a_name_is_found_by_itself_as_plain_text(names: list[str]) -> None:
    import regex

    for name in names:
        assert name in choose(names, regex.escape(name)).names or name.strip() != name
