"""What changes while a run runs: how it is, and its progress."""

from itertools import pairwise

import streamlit as st

from app.components.durations import in_words
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from app.components.time_words import left_wholly
from backend.domain.heartbeat import Phase
from backend.domain.replan import BEFORE_TRAINING
from backend.domain.run_report import RunReport
from backend.domain.run_view import RunView

MOST_RESTARTS = 3
PHASE_WORDS = {
    Phase.LOADING: "Loading the model",
    Phase.BUILDING: "Building the demo model",
    Phase.PREPARING: "Preparing the data",
    Phase.TRAINING: "Training",
    Phase.EVALUATING: "Evaluating",
    Phase.SAVING: "Writing a checkpoint",
    Phase.ENDING: "Writing the adapter",
}


def draw_sentence(report: RunReport) -> None:
    """How the run is, in words: its own message, what its curves show, what happened before, what is not right."""
    st.text(report.view.run.message)
    if report.told:
        st.text(report.told)
    _draw_restarts(report.view)
    _draw_warnings(report)


def draw_progress(report: RunReport) -> None:
    """The bar, how long it still takes, and what waits to take over."""
    progress_bar(report.view)
    if report.time_left is not None:
        st.caption(left_wholly(report.time_left))
    if report.view.standby_bytes is not None:
        st.caption(
            f"Warm standby, {in_bytes(report.view.standby_bytes)}",
            help="A process with everything imported. If the trainer dies, it takes over within seconds.",
        )


def progress_bar(view: RunView, more: str = "") -> None:
    """Of the phase before the training, then of the run, lest the bar jump at each evaluation and checkpoint."""
    phase, beat = view.phase, view.heartbeat
    doing = "" if phase in (None, Phase.TRAINING) or beat is None else beat.detail or PHASE_WORDS[beat.phase]
    if phase in BEFORE_TRAINING and beat is not None:
        st.progress(min(1.0, max(0.0, beat.phase_progress or 0.0)), text=escape(doing))
    elif view.progress is not None:
        words = f"Step {view.step:,} of {view.total_steps:,}" + (f", {more}" if more else "")
        st.progress(view.progress, text=f"{words}. {escape(doing)}" if doing else words)


def _draw_restarts(view: RunView) -> None:
    """What happened between two attempts, unless the message already says it."""
    restarts = list(pairwise(view.run.attempts))
    if len(restarts) > MOST_RESTARTS:
        st.caption(f"{len(restarts) - MOST_RESTARTS:,} earlier restarts are listed under Timeline.")
    for ended, resumed in restarts[-MOST_RESTARTS:]:
        at = f" at step {ended.last_step}" if ended.last_step is not None else ""
        sentence = f"Attempt {ended.number} ended{at}: {ended.reason}."
        if sentence in view.run.message:
            continue
        start = f"step {resumed.resumed_from_step}" if resumed.resumed_from_step else "the start"
        st.caption(escape(f"{sentence} Attempt {resumed.number} went on from {start}."))


def _draw_warnings(report: RunReport) -> None:
    """What guards saw, and a trainer that says nothing."""
    if report.quiet_seconds is not None:
        told = f"The trainer has given no sign of life for {in_words(report.quiet_seconds)}."
        after = "If that goes on beyond its limit, its supervisor ends it, and another attempt resumes."
        st.warning(f"{told} {after}", icon=":material/hourglass_disabled:")
    for one in report.warnings:
        st.warning(f"{escape(one.sentence)}  \n{escape(one.advice)}", icon=":material/warning:")
