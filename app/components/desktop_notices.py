"""Notifications of the browser, while nobody looks at the page, of what is told in its corner."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

SCRIPT = Path(__file__).parents[1] / "assets" / "notices" / "notices.js"
HTML = '<button type="button" hidden>Allow desktop notifications</button><p hidden></p>'
CSS = """
button { font: inherit; color: var(--st-text-color); background: var(--st-background-color); padding: 0.4em 0.8em;
         border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius); cursor: pointer; }
p { font: inherit; font-size: 0.875rem; color: var(--st-text-color); margin: 0; }
"""


def desktop_notices(told: Sequence[Mapping[str, str]]) -> None:
    """Each has an `id`, by which it is shown once, and a plain `text`. A button asks the browser for the right."""
    _component()(data={"told": list(told)}, key="desktop-notices")


@cache
def _component() -> Any:  # noqa: ANN401 - Streamlit's renderer
    return st.components.v2.component("studio_notices", html=HTML, css=CSS, js=SCRIPT.read_text(encoding="utf-8"))
