"""The colours of runs, in charts and beside their names: told apart also without red or green sight.

tests/unit/test_palette.py measures how much any two differ, and how far each stands out from the page.
"""

import streamlit as st

LIGHT = (
    "#2453c4", "#c75b00", "#0a7b84", "#ec1c8b", "#15793d", "#6f1cec",
    "#b48473", "#822b4e", "#9687be", "#4b4606", "#8b1a93", "#da2e45",
)  # fmt: skip
DARK = (
    "#7aa2ff", "#f0a35e", "#1cdeec", "#ee38b2", "#38ee99", "#9355f1",
    "#d9f371", "#ec381c", "#b47384", "#47844f", "#e8e9d7", "#46d911",
)  # fmt: skip


def palette() -> tuple[str, ...]:
    """The colours for the theme that the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT
