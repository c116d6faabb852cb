"""Runs' colours as dots, for tables; the same palette as the charts have."""

from urllib.parse import quote

import streamlit as st

from app.palette import palette

_SAFE = "/:='"  # short, since a table has one in each row
DOT_COLUMN = st.column_config.ImageColumn("Colour", width=50, help="The run's colour in all charts.")


def dot(color: int) -> str:
    """The address of a picture, for an ImageColumn; nothing is fetched for it."""
    fill = palette()[color % len(palette())]
    shape = f"<circle cx='8' cy='8' r='4' fill='{fill}'/>"
    picture = f"<svg xmlns='http://www.w3.org/2000/svg' width='16' height='16'>{shape}</svg>"
    return f"data:image/svg+xml,{quote(picture, safe=_SAFE)}"
