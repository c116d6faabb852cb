"""A board tells the browser which curves to draw, never a point, and little code."""

import json

from streamlit.testing.v1 import AppTest

from app.board_assets import board_script
from backend.domain.board import NUM_COLORS


def page() -> None:
    from app.components.board import board
    from backend.domain.board import Board, Chart, Line, Look, Mark, Spread, XAxis

    line = Line(("run:a", "run:b"), "train/loss", "<b>both</b>", 3, is_dashed=True, minus="dir:x/y")
    chart = Chart(
        "loss", "Loss", (line,), (Mark("run:a", 4, "attempt", "Attempt 1"),), "bytes", "Results", is_pinned=True
    )
    look = Look(0.5, XAxis.TOKENS, is_log_y=True, spread=Spread.CONFIDENCE, window=(1.0, 2.0))
    board(Board((chart,), look), "board", on_pin=lambda _: None)
    board(Board(()), "empty")


def test_the_browser_is_told_everything_but_points() -> None:
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    first, second = (json.loads(found.proto.json) for found in shown.get("bidi_component"))
    (chart,) = first["charts"]
    assert chart["lines"][0] == {
        "sources": ["run:a", "run:b"],
        "tag": "train/loss",
        "label": "<b>both</b>",
        "color": 3,
        "is_dashed": True,
        "minus": "dir:x/y",
    }
    assert chart["marks"] == [{"source": "run:a", "step": 4, "kind": "attempt", "label": "Attempt 1"}]
    assert (chart["unit"], chart["group"], chart["is_pinned"]) == ("bytes", "Results", True)
    assert first["look"]["x"] == "tokens"
    assert first["look"]["window"] == [1.0, 2.0]
    assert {name: len(colors) for name, colors in first["palette"].items()} == {"light": NUM_COLORS, "dark": NUM_COLORS}
    assert (first["can_pin"], second["can_pin"], second["charts"]) == (True, False, [])


def test_the_script_that_travels_with_each_rerun_only_loads_the_one_that_is_kept() -> None:
    shown = AppTest.from_function(page, default_timeout=60).run()
    script = shown.get("bidi_component")[0].proto.js_content
    assert board_script() in script
    assert len(script) < 300
