"""A button that starts TensorBoard itself, then the link to it, and its page within ours on request."""

from typing import assert_never

import streamlit as st

from app.acts import TensorBoardActs
from app.components.markdown_escape import escape
from backend.domain.tensorboard_page import Showing, Stage

LOOK_SECONDS = 0.5
STAY_SECONDS = 60.0  # a page that shows the link keeps TensorBoard alive
HEIGHT_PIXELS = 800


def refresh_seconds(stage: Stage) -> float | None:
    """How often the part of the page with the link is to be drawn again; None: only when something else asks for it."""
    return {Stage.STARTING: LOOK_SECONDS, Stage.READY: STAY_SECONDS}.get(stage)


def tensorboard_link(acts: TensorBoardActs, key: str, drawn: Stage) -> None:
    """Draw it, as part of a fragment that ticks as `refresh_seconds` of the stage `drawn` says."""
    if not acts.is_offered:
        return
    showing = acts.showing()
    if showing.stage is not drawn:
        st.rerun()  # how often this ticks depends on it
    match showing.stage:
        case Stage.OFF:
            _button(acts, key, "Open in TensorBoard")
        case Stage.STARTING:
            st.status("TensorBoard is starting ...", state="running")
        case Stage.FAILED:
            st.error(escape(f"TensorBoard did not start. {showing.reason}"), icon=":material/error:")
            _button(acts, key, "Try again")
        case Stage.READY:
            _ready(acts, showing, key)
        case _:
            assert_never(showing.stage)


def _button(acts: TensorBoardActs, key: str, label: str) -> None:
    st.button(
        label,
        icon=":material/monitoring:",
        help="Starts TensorBoard's own page on this machine; it is stopped when nobody looks at it.",
        key=f"{key}-start",
        on_click=acts.start,
    )


def _ready(acts: TensorBoardActs, showing: Showing, key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-ready"):
        st.link_button("TensorBoard in a new tab", showing.url, icon=":material/open_in_new:")
        is_here = st.toggle("Show it here", key=f"{key}-here")
        if showing.is_ours:
            st.button("Stop TensorBoard", icon=":material/stop:", key=f"{key}-stop", on_click=acts.stop)
    st.caption("It answers to this machine only. From another one, forward its port, for instance with ssh -L.")
    if is_here:
        st.iframe(showing.url, height=HEIGHT_PIXELS)
