"""How texts in charts look: dark enough to read, with a seam where lines run across them."""

import streamlit as st

_LOOKS = {"light": ("#3d4758", "#ffffff"), "dark": ("#c3ccdb", "#0f141f")}  # grayTextColor, backgroundColor
_SEAM_PIXELS = 3


def chart_text() -> dict[str, str | int]:
    """A text style of ECharts; what a chart has by itself is too pale (3.7:1)."""
    ink, behind = _LOOKS.get(st.context.theme.type or "", _LOOKS["light"])
    return {"color": ink, "textBorderColor": behind, "textBorderWidth": _SEAM_PIXELS}
