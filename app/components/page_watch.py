"""Redraws the part of a page around it when the server sees that what it shows has changed: no timer, no script."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

SCRIPT = Path(__file__).parents[1] / "assets" / "watch" / "watch.js"


def page_watch(kind: str, mark: str, of: Sequence[str] = ()) -> None:
    """Draw it last in a fragment. `mark` is that of what is drawn, taken before it was read (see app.marks)."""
    data = {"kind": kind, "of": list(of), "mark": mark}
    _component()(data=data, key=f"page-watch-{kind}", height=1, on_changed_change=_drawn_again)


def _drawn_again() -> None:
    """Nothing to do: a message draws the fragment again."""


@cache
def _component() -> Any:  # noqa: ANN401 - Streamlit's renderer
    return st.components.v2.component("studio_watch", js=SCRIPT.read_text(encoding="utf-8"))
