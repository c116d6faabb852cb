"""Running one of the doctor's commands: shown first, asked about, then watched line by line."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.error_box import error_box
from app.components.job_box import job_boxes
from app.components.markdown_escape import escape
from app.notices import attempt
from backend.services.jobs import Job, JobState
from backend.services.package_installs import KEY

Commands = dict[str, tuple[str, ...]]
_CAUTION = (
    "It changes the environment that runs this dashboard. Programs that are at work keep what they have loaded: "
    "pause runs first, and start the dashboard again afterwards."
)


@dataclass(frozen=True, slots=True)
class Installing:
    """`obstacle` is why nothing can be started here, "" if it can; `lines` are the last ones of the log."""

    obstacle: str
    job: Job | None
    lines: Callable[[], Sequence[str]]
    start: Callable[[Sequence[str]], object]


def install_form(commands: Commands, installing: Installing) -> None:
    """Choose a command and see it; the button asks before it does anything."""
    if not commands:
        return
    chosen = st.selectbox(
        "Install or repair", list(commands), key="install-choice", help="Shows the command; nothing is run yet."
    )
    command = commands[chosen]
    st.code(shlex.join(command), language=None, wrap_lines=True)
    if installing.obstacle:
        st.caption(f"It cannot be run from here: {escape(installing.obstacle)} Copy it into a terminal.")
    elif st.button("Run this command", icon=":material/terminal:", key="install-ask"):
        install_dialog(command, lambda: attempt(installing.start, command))


@st.dialog("Run this command?", icon=":material/terminal:")
def install_dialog(command: Sequence[str], start: Callable[[], None]) -> None:
    """The last look; `start` is called by the button."""
    st.code(shlex.join(command), language=None, wrap_lines=True)
    st.write(_CAUTION)

    def done() -> None:
        start()
        st.rerun()

    with st.container(horizontal=True):
        st.button("Run it", type="primary", key="install-yes", on_click=done)
        st.button("Leave it", key="install-no", on_click=st.rerun)


def install_progress(installing: Installing) -> None:
    """The last command: its newest lines, a way to end it, and how it ended."""
    job = installing.job
    if job is None:
        return
    if job.is_running:
        job_boxes([(KEY, job)])
    elif job.error is not None:
        error_box(job.error)
    elif job.state is JobState.CANCELLED:
        st.info("The command was ended before it was done; what it changed until then stays.", icon=":material/cancel:")
    else:
        st.success(
            f"Done: {escape(job.title)} Start the dashboard again, so that it uses what is new.",
            icon=":material/check_circle:",
        )
    if lines := installing.lines():
        st.code("\n".join(lines), language=None, height=240)
