"""The small line beside a figure."""

import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.components.figure import number
from app.components.sparkline import HEIGHT, WIDTH, picture


def path(values: list[float]) -> str:
    drawn = ET.fromstring(picture(values, "#123456"))  # noqa: S314 - our own picture
    return drawn[0].attrib["d"]


def test_it_goes_from_left_to_right_and_the_largest_is_on_top() -> None:
    assert path([1.0, 3.0, 2.0]) == "M2.0 18.0L60.0 2.0L118.0 10.0"


def test_what_is_not_finite_is_a_gap_and_one_alone_a_dot() -> None:
    assert path([0.0, 1.0, math.nan, 1.0, math.inf]) == "M2.0 18.0L31.0 2.0M89.0 2.0h0.1"
    assert path([math.nan, math.nan]) == ""


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=80))
def test_any_values_stay_within_the_picture(values: list[float]) -> None:
    for x, y in re.findall(r"([\d.]+) ([\d.]+)", path(values)):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


@pytest.mark.parametrize(
    ("value", "words"), [(math.nan, "NaN"), (math.inf, "infinite"), (-math.inf, "-infinite"), (0.5, "0.50")]
)
def test_a_figure_says_what_is_no_number(value: float, words: str) -> None:
    assert number(value, "{:.2f}") == words
    assert number(value, lambda finite: f"{finite:.2f}") == words
