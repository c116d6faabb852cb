"""Runs' colours as dots, for tables; the same palette as the charts have."""

from urllib.parse import quote

import streamlit as st

LIGHT = (
    "#2453c4", "#c75b00", "#00806a", "#b3226e", "#0092c7", "#7d6200",
    "#6b3fa0", "#d13a3a", "#4d7c0f", "#5c6b7a", "#7a3b1d", "#111827",
)  # fmt: skip
DARK = (
    "#7aa2ff", "#f0a35e", "#3fd0b4", "#f58cc0", "#5cc8f5", "#d9c04a",
    "#b794f6", "#ff7b72", "#a3d977", "#a9b6c6", "#d0977a", "#f2f5fa",
)  # fmt: skip
DOT_COLUMN = st.column_config.ImageColumn("Colour", width=60, help="The run's colour in all charts.")


def palette() -> tuple[str, ...]:
    """The colours of the theme that the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def dot(color: int) -> str:
    """The address of a picture, for an ImageColumn; nothing is fetched for it."""
    fill = palette()[color % len(palette())]
    picture = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">'
        f'<circle cx="8" cy="8" r="4" fill="{fill}"/></svg>'
    )
    return f"data:image/svg+xml,{quote(picture)}"
