"""How many runs are being worked on, in the sidebar of every page."""

from collections.abc import Sequence

import streamlit as st

from backend.domain.run_view import RunView
from backend.domain.states import RunState


def activity_badge(active: Sequence[RunView]) -> None:
    """One badge: running runs, else waiting ones, else that nothing runs."""
    running = sum(view.state is RunState.RUNNING for view in active)
    others = len(active) - running
    if running:
        st.badge(_count(running, "running"), icon=":material/play_circle:", color="blue")
    if others:
        st.badge(_count(others, "waiting"), icon=":material/hourglass_top:", color="orange")
    if not active:
        st.badge("No run is active", icon=":material/pause_circle:", color="gray")


def _count(number: int, what: str) -> str:
    return f"{number:,} {'run is' if number == 1 else 'runs are'} {what}"
