"""Models: base models on this machine, adapters with their lineage, and the checkpoints of a run."""

import streamlit as st

from app.sections.adapters import adapters
from app.sections.base_models import base_models
from app.sections.checkpoints import checkpoints
from app.session import show_in_widget, widget_value
from backend.services.bundle import Services

FIRST = "base"
SECTIONS = {
    "base": ("Base models", base_models),
    "adapters": ("Adapters", adapters),
    "checkpoints": ("Checkpoints", checkpoints),
}


_WIDGET = "models-section"


def render(services: Services) -> None:
    """One of three sections, by ?section=."""
    st.title("Models", anchor=False)
    asked = st.query_params.get("section", FIRST)
    section = asked if asked in SECTIONS else FIRST
    st.segmented_control(
        "Section",
        list(SECTIONS),
        format_func=lambda name: SECTIONS[name][0],
        required=True,
        key=show_in_widget(_WIDGET, section),
        label_visibility="collapsed",
        on_change=_choose,
    )
    SECTIONS[section][1](services)


def _choose() -> None:
    """What was chosen in one section means nothing in another."""
    for name in ("model", "step"):
        st.query_params.pop(name, None)
    st.query_params["section"] = str(widget_value(_WIDGET) or FIRST)
