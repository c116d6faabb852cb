"""What changes while a run runs: how it is, its progress and its key figures."""

from itertools import pairwise

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.durations import in_words
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.curves import Curves, Series
from backend.domain.heartbeat import Phase
from backend.domain.replan import BEFORE_TRAINING
from backend.domain.run_view import RunView

MOST_RESTARTS = 3
SPARKLINE_POINTS = 60
PHASE_WORDS = {
    Phase.LOADING: "Loading the model",
    Phase.BUILDING: "Building the demo model",
    Phase.PREPARING: "Preparing the data",
    Phase.TRAINING: "Training",
    Phase.EVALUATING: "Evaluating",
    Phase.SAVING: "Writing a checkpoint",
    Phase.ENDING: "Writing the adapter",
}


def draw_sentence(view: RunView) -> None:
    """How the run is, and what happened to it before."""
    st.text(view.run.message)
    _draw_restarts(view)


def draw_progress(view: RunView, curves: Curves) -> None:
    """The bar, and the figures that people look at first."""
    _draw_bar(view)
    _figures(view, curves)
    if view.standby_bytes is not None:
        st.caption(
            f"Warm standby, {in_bytes(view.standby_bytes)}",
            help="A process with everything imported. If the trainer dies, it takes over within seconds.",
        )


def _draw_bar(view: RunView) -> None:
    """Of the phase before the training, then of the run, lest the bar jump at each evaluation and checkpoint."""
    phase, beat = view.phase, view.heartbeat
    doing = "" if phase in (None, Phase.TRAINING) or beat is None else beat.detail or PHASE_WORDS[beat.phase]
    if phase in BEFORE_TRAINING and beat is not None:
        st.progress(min(1.0, max(0.0, beat.phase_progress or 0.0)), text=escape(doing))
    elif view.progress is not None:
        words = f"Step {view.step:,} of {view.total_steps:,}"
        st.progress(view.progress, text=f"{words}. {escape(doing)}" if doing else words)


def _draw_restarts(view: RunView) -> None:
    """What happened between two attempts, unless the message already says it."""
    restarts = list(pairwise(view.run.attempts))
    if len(restarts) > MOST_RESTARTS:
        st.caption(f"{len(restarts) - MOST_RESTARTS:,} earlier restarts are listed under Attempts.")
    for ended, resumed in restarts[-MOST_RESTARTS:]:
        at = f" at step {ended.last_step}" if ended.last_step is not None else ""
        sentence = f"Attempt {ended.number} ended{at}: {ended.reason}."
        if sentence in view.run.message:
            continue
        start = f"step {resumed.resumed_from_step}" if resumed.resumed_from_step else "the start"
        st.caption(escape(f"{sentence} Attempt {resumed.number} went on from {start}."))


def _figures(view: RunView, curves: Curves) -> None:
    loss, evaluation, speed = (curves.series.get(tag) for tag in ("train/loss", "eval/loss", "perf/tokens_per_second"))
    cells = st.columns(5)
    steps = f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "not known yet"
    cells[0].metric("Step", steps, border=True, height="stretch")
    _figure(cells[1], "Training loss", loss, "{:.4f}")
    _figure(cells[2], "Evaluation loss", evaluation, "{:.4f}")
    _figure(cells[3], "Tokens per second", speed, "{:,.0f}")
    left = view.eta_seconds
    cells[4].metric(
        "Time left (estimate)",
        in_words(left) if left is not None else "-",
        help="Steps left times the measured seconds per step.",
        border=True,
        height="stretch",
    )


def _figure(cell: DeltaGenerator, label: str, series: Series | None, form: str) -> None:
    if series is None or not len(series):
        cell.metric(label, "-", border=True, height="stretch")
        return
    value = float(series.values[-1])
    points = _last_values(series)
    cell.metric(
        label,
        form.format(value),
        border=True,
        height="stretch",
        chart_data=points if len(points) > 1 else None,
    )


def _last_values(series: Series) -> list[float]:
    """The newest finite ones, for a sparkline."""
    return [value for value in series.values[-SPARKLINE_POINTS:].tolist() if abs(value) < float("inf")]
