"""What a page shows that has nothing to show yet: what would be here, and the next step."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.links import open_view


def empty_card(title: str, told: str, key: str) -> DeltaGenerator:
    """Draw it, with a button that leads to Train; the card, for more ways on. `key` names the view."""
    card = st.container(border=True, key=f"no-{key}")
    with card:
        st.header(title, anchor=False)
        st.write(told)
        st.button(
            "Start a run",
            type="primary",
            icon=":material/model_training:",
            key=f"{key}-start",
            on_click=open_view,
            args=("train",),
        )
    return card
