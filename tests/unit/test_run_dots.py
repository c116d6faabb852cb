"""Dots in tables have the colours of the charts."""

import re
from pathlib import Path
from urllib.parse import unquote

from app.components.run_dots import DARK, LIGHT, dot
from backend.domain.board import NUM_COLORS

PALETTE = Path(__file__).resolve().parents[2] / "app" / "assets" / "board" / "palette.js"


def test_the_palette_is_that_of_the_charts() -> None:
    text = PALETTE.read_text(encoding="utf-8")
    for name, colors in (("LIGHT", LIGHT), ("DARK", DARK)):
        found = re.search(rf"const {name} = \[([^\]]*)\]", text)
        assert found
        assert re.findall(r"#[0-9a-f]{6}", found[1]) == list(colors)
        assert len(colors) == NUM_COLORS


def test_a_dot_is_a_picture_that_is_fetched_from_nowhere() -> None:
    assert dot(1).startswith("data:image/svg+xml,")
    assert LIGHT[1] in unquote(dot(1))
    assert dot(1) == dot(1 + NUM_COLORS)
