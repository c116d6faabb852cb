"""Dots in tables have the colours of the charts."""

from urllib.parse import unquote

from app.components.run_dots import dot
from app.palette import LIGHT
from backend.domain.board import NUM_COLORS


def test_a_dot_is_a_picture_that_is_fetched_from_nowhere() -> None:
    assert dot(1).startswith("data:image/svg+xml,")
    assert LIGHT[1] in unquote(dot(1))
    assert dot(1) == dot(1 + NUM_COLORS)
