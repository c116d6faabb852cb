"""Answers end before a stop string, however its characters arrive."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backend.inference.stop_strings import StopStrings


@given(st.text("ab<", max_size=30), st.lists(st.text("ab<", min_size=1, max_size=4), max_size=3), st.data())
def test_what_is_shown_does_not_depend_on_the_pieces(text: str, stops: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    watched = StopStrings(stops)
    shown = "".join([*map(watched.push, pieces), watched.flush()])
    if watched.is_found:
        assert text.startswith(shown)
        assert any(text.startswith(stop, len(shown)) for stop in stops)
        assert not any(stop in shown for stop in stops)
    else:
        assert shown == text
        assert not any(stop in text for stop in stops)


def test_half_a_stop_string_is_held_back_until_it_is_none() -> None:
    watched = StopStrings(["###"])
    assert watched.push("one #") == "one "
    assert watched.push("# two") == "## two"
