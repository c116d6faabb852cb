"""The chart board: all charts of a page, drawn and kept live in the browser without a rerun."""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

import streamlit as st

from app.board_assets import board_script
from app.palette import DARK, LIGHT
from app.session import widget_value
from backend.domain.board import Board

# A component's script is sent with every rerun: this one only loads the real one, which the browser keeps.
_LOADER = """
const found = await import(new URL("{script}", document.baseURI).href)
export default found.default
"""


_PALETTE = {"light": LIGHT, "dark": DARK}


def board(board: Board, key: str, on_pin: Callable[[str], None] | None = None) -> None:
    """Draw the charts of a board. `on_pin` is called with the id of a chart whose pin was clicked.

    Points travel by WebSocket; hovering and zooming need no rerun, and a board drawn again with the same `key`
    keeps its zoom. A `window` in the look that differs from the one before sets the zoom.
    """

    def pinned() -> None:
        value = widget_value(key)
        if on_pin is not None and value is not None and value.pinned:
            on_pin(str(value.pinned))

    _component()(
        data=_told(board) | {"can_pin": on_pin is not None, "palette": _PALETTE}, key=key, on_pinned_change=pinned
    )


@cache
def _component() -> Any:  # noqa: ANN401 - Streamlit's renderer
    return st.components.v2.component("studio_board", js=_LOADER.format(script=board_script()))


def _told(board: Board) -> dict[str, Any]:
    """What the browser is told: everything but points."""
    return {"charts": [asdict(chart) for chart in board.charts], "look": asdict(board.look)}
