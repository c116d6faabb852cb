"""The state of a run as a word, an icon and a colour, the same on every page."""

from typing import Literal

import streamlit as st

from backend.domain.states import RunState

Color = Literal["blue", "green", "gray", "red", "orange"]

_LOOKS: dict[RunState, tuple[str, Color]] = {
    RunState.CREATED: (":material/schedule:", "gray"),
    RunState.QUEUED: (":material/hourglass_empty:", "gray"),
    RunState.STARTING: (":material/rocket_launch:", "blue"),
    RunState.RUNNING: (":material/play_circle:", "blue"),
    RunState.PAUSING: (":material/pause_circle:", "orange"),
    RunState.PAUSED: (":material/pause_circle:", "gray"),
    RunState.BACKOFF: (":material/hourglass_top:", "orange"),
    RunState.STOPPING: (":material/stop_circle:", "orange"),
    RunState.INTERRUPTED: (":material/link_off:", "orange"),
    RunState.FINISHED: (":material/check_circle:", "green"),
    RunState.STOPPED: (":material/stop_circle:", "gray"),
    RunState.FAILED: (":material/error:", "red"),
}


def state_badge(state: RunState) -> None:
    """Draw the badge; the word tells what the colour does."""
    icon, color = _LOOKS[state]
    st.badge(state.value.capitalize(), icon=icon, color=color)
