"""Errors: what an error means and how to go on, by its id; reached from error boxes."""

import streamlit as st

from app.components.catalogue import draw_entry, draw_table
from backend.services.bundle import Services

ASKED = "error"


def render(services: Services) -> None:
    """One error in full, and all others to choose from."""
    st.title("Errors", anchor=False)
    st.caption(
        "Every error has an id, which stands below its sentences. Words in braces are filled in when it happens."
    )
    entries = services.catalogue.all()
    ids = [entry.id for entry in entries]
    chosen = st.selectbox(
        "Error",
        ids,
        index=None,
        key=ASKED,
        bind="query-params",
        placeholder="Type or choose an error's id",
    )
    if chosen is None:
        draw_table(entries)
    else:
        draw_entry(services.catalogue.find(chosen))
