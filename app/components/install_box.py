"""Running one of the doctor's commands: shown first, asked about, then watched line by line."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.error_box import error_box
from app.components.job_box import job_boxes
from app.components.markdown_escape import escape
from app.notices import attempt
from backend.domain.audit import ASKS_NETWORK, Audit, is_audit
from backend.services.jobs import Job, JobState
from backend.services.package_installs import KEY, AuditFailed

SHORT_LIST = 10
Commands = dict[str, tuple[str, ...]]
_CAUTION = (
    "It changes the environment that runs this dashboard. Programs that are at work keep what they have loaded: "
    "pause runs first, and start the dashboard again afterwards."
)
_NOT_LOOKED_UP = "Whether there are known vulnerabilities is not known."


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
        unknown = f" {_NOT_LOOKED_UP}" if is_audit(command) else ""
        st.caption(f"It cannot be run from here: {escape(installing.obstacle)}{unknown} Copy it into a terminal.")
    elif st.button("Run this command", icon=":material/terminal:", key="install-ask"):
        install_dialog(command, lambda: attempt(installing.start, command))


@st.dialog("Run this command?", icon=":material/terminal:")
def install_dialog(command: Sequence[str], start: Callable[[], None]) -> None:
    """The last look; `start` is called by the button."""
    st.code(shlex.join(command), language=None, wrap_lines=True)
    st.write(ASKS_NETWORK if is_audit(command) else _CAUTION)

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
    elif isinstance(job.answer, Audit):
        _audited(job.answer)
        return
    elif job.state is JobState.CANCELLED:
        st.info("The command was ended before it was done; what it changed until then stays.", icon=":material/cancel:")
    else:
        st.success(
            f"Done: {escape(job.title)} Start the dashboard again, so that it uses what is new.",
            icon=":material/check_circle:",
        )
    is_for_people = job.error is None or job.error.id != AuditFailed.id  # the log of an audit is for programs
    if is_for_people and (lines := installing.lines()):
        st.code("\n".join(lines), language=None, height=240)


def _audited(audit: Audit) -> None:
    """What is known, in place of a log that is for programs."""
    if audit.found:
        st.warning(escape(audit.sentence), icon=":material/gpp_maybe:")
    else:
        st.success(escape(audit.sentence), icon=":material/verified_user:")
    if lines := audit.lines():
        st.code("\n".join(lines), language=None, height=240 if len(lines) > SHORT_LIST else "content")
