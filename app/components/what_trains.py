"""What a run would train, and what it would take: only what was counted, computed or measured."""

from dataclasses import dataclass

import streamlit as st

from app.components.durations import in_words, roughly
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes, in_energy
from backend.domain.preflight import PreflightReport
from backend.domain.run_estimate import RunEstimate
from backend.domain.trainable import How
from backend.services.parameter_counts import Counting

HOW = {
    How.ARITHMETIC: "Computed from the shapes in the model's files; exact for this kind of model and method.",
    How.LAYERS: "Counted on the real layer shapes, by a program that builds the model without its weights.",
}
UNKNOWN = "The files of the base model are not on this machine yet."


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of the run's size. `weights_bytes` is computed for the run's number format, None if unknown.

    `estimate` is what an earlier run tells of time and energy, None if none does.
    """

    counting: Counting
    weights_bytes: float | None
    weights_format: str
    report: PreflightReport
    estimate: RunEstimate | None


def what_trains(cost: Cost) -> None:
    """Parameters, weights, steps, time and disk; a dash where nothing is known, with the reason in its help."""
    counting, report = cost.counting, cost.report
    with st.grid(2, min_column_width=120):
        count = counting.count
        if count is None:
            why = "Being counted." if counting.is_running else (UNKNOWN if counting.model is None else None)
            st.metric("Trainable parameters", "-", help=why)
        else:
            share = f"{count.share:.2%} of {count.total:,}"
            st.metric(
                "Trainable parameters",
                f"{count.trained:,}",
                share,
                delta_color="off",
                delta_arrow="off",
                help=HOW[count.how],
            )
        _weights(cost)
        _steps(report)
        _time(cost)
        _disk(report)
        st.metric("Rows", "-" if report.num_rows is None else f"{report.num_rows:,}")
    if counting.error is not None:
        st.caption(escape(f"Not counted: {counting.error.why}"))


def _weights(cost: Cost) -> None:
    model = cost.counting.model
    on_disk = None if model is None or not model.weight_bytes else f"{in_bytes(model.weight_bytes)} on disk"
    note = (
        f"In memory, computed from their shapes for {cost.weights_format}. What training needs beside them "
        "(activations, gradients, optimizer) is not in it."
    )
    value = "-" if cost.weights_bytes is None else in_bytes(cost.weights_bytes)
    st.metric(
        "Base weights",
        value,
        on_disk,
        delta_color="off",
        delta_arrow="off",
        help=UNKNOWN if model is None else note,
    )


def _steps(report: PreflightReport) -> None:
    steps = report.steps_estimate
    st.metric("Steps (estimate)", "-" if steps is None else f"{steps:,}", help="Rows that are trained on x epochs.")


def _time(cost: Cost) -> None:
    told = cost.estimate
    if told is None:
        st.metric("Time", "unknown", help="No run of this model and method has been finished on this machine yet.")
        return
    help_ = f"An estimate from {escape(told.source)}."
    if told.is_alike:
        st.metric("Time (estimate)", in_words(told.seconds), help=help_)
    else:
        st.metric("Time (rough estimate)", roughly(told.seconds), help=help_)
    if told.epoch_seconds is not None:
        st.metric("An epoch", roughly(told.epoch_seconds), help=help_)
    if told.joules is not None:
        energy = "By the energy that the same run used, which was measured, for as long as this one takes."
        st.metric("Energy (estimate)", in_energy(told.joules), help=energy)


def _disk(report: PreflightReport) -> None:
    needed, free = report.needed_bytes, report.free_bytes
    st.metric(
        "Disk (estimate)",
        "-" if needed is None else in_bytes(needed),
        None if free is None else f"{in_bytes(free)} free",
        delta_color="off",
        delta_arrow="off",
        help="At most: checkpoints, result and log, with what is to stay free.",
    )
