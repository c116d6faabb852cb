"""A view: how many runs there are, by state."""

from collections import Counter

import streamlit as st

from backend.plugins.view import PluginView
from backend.services.bundle import Services


def render(services: Services) -> None:
    """Draw it; the studio puts its error frame around."""
    st.title("Runs by state", anchor=False)
    counts = Counter(view.state.value for view in services.status.list())
    if not counts:
        st.info("No runs yet.", icon=":material/info:")
    for state, count in sorted(counts.items()):
        st.metric(state.capitalize(), count)


VIEW = PluginView("example-counts", "Counts", render, icon=":material/tag:", help="Runs by state.")
