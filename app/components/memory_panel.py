"""How much memory a run would take: the range beside the room, in parts, and from what that is known."""

from collections.abc import Callable

import streamlit as st

from app.components.error_box import error_box
from app.components.markdown_escape import escape
from backend.domain.memory_fit import Fit, Forecasting, device_words, memory_words, range_words
from backend.domain.memory_forecast import MemoryForecast, MemoryPart
from backend.services.jobs import Job, JobState

PARTS = {
    MemoryPart.WEIGHTS: "Base weights",
    MemoryPart.ADAPTER: "Adapter",
    MemoryPart.GRADIENTS: "Gradients",
    MemoryPart.OPTIMIZER: "Optimizer",
    MemoryPart.ACTIVATIONS: "Activations",
    MemoryPart.LOGITS: "Scores of words (logits)",
    MemoryPart.FRAMEWORK: "Libraries and their own memory",
    MemoryPart.MARGIN: "What runs took beyond their trace",
}
VERDICTS = {
    Fit.YES: ":material/check_circle: It fits",
    Fit.PERHAPS: ":material/warning: It may not fit",
    Fit.HARDLY: ":material/error: It will probably not fit",
    Fit.UNKNOWN: ":material/help: How much room there is, no driver tells",
}
ABOUT = "The most that the training process holds at one moment. A forecast, unless it says that it was measured."
MEASURE = "Measure with three real steps"


def memory_panel(known: Forecasting, *, waits_for: str = "") -> None:
    """Nothing in it can be clicked, so that it may be drawn again; `waits_for` says why nothing is known yet."""
    forecast = known.forecast
    if forecast is None:
        st.metric("Memory at its peak", "-", help=ABOUT)
        reason = f"Not forecast: {known.error.what} {known.error.why}" if known.error else waits_for
        if reason:
            st.caption(escape(reason))
        return
    verdict = VERDICTS[known.fit]
    st.metric(
        "Memory at its peak",
        range_words(forecast),
        f"most likely {memory_words(forecast.likely_bytes)}",
        delta_color="off",
        delta_arrow="off",
        help=ABOUT,
    )
    st.markdown(f"{verdict}.")
    if known.room_bytes:
        _bar(forecast, known.room_bytes)
    _parts(forecast)
    more = " Earlier runs are being looked at." if known.is_calibrating else ""
    st.caption(escape(f"From: {'; '.join(forecast.sources)}.{more}"))


def measuring_button(job: Job | None, measure: Callable[[], None], reason: str) -> None:
    """Begin to measure, or end it; `reason` says why it cannot be begun."""
    if job is not None and job.is_running:
        st.button(
            "End measuring",
            icon=":material/close:",
            key="memory-measure-end",
            help="The three steps are given up; nothing is kept of them.",
            on_click=job.cancel,
        )
        return
    st.button(
        MEASURE,
        icon=":material/straighten:",
        key="memory-measure",
        disabled=bool(reason),
        help=reason or "Loads the model and trains three steps on the longest rows. Nothing is kept but the figures.",
        on_click=measure,
    )


def measuring_state(job: Job | None) -> None:
    """How far it is, or why there is no figure; may be drawn again."""
    if job is None or job.state is JobState.DONE:
        return
    if job.is_running:
        words = escape(f"{job.title}: {job.said}" if job.said else job.title)
        st.progress(min(1.0, max(0.0, job.share or 0.0)), text=words)
    elif job.error is not None:
        error_box(job.error)
    else:
        st.caption("Measuring was ended.")


def _bar(forecast: MemoryForecast, room_bytes: int) -> None:
    share = forecast.likely_bytes / room_bytes
    words = f"{share:.0%} of the {memory_words(room_bytes)} of {device_words(forecast.device)} that are free now"
    st.progress(min(1.0, share), text=words)


def _parts(forecast: MemoryForecast) -> None:
    """Largest first, so that the eye finds what to make smaller."""
    whole = max(1, forecast.likely_bytes)
    parts = sorted(((part, size) for part, size in forecast.parts.items() if size), key=lambda one: -one[1])
    rows = [
        {"At its peak": PARTS[part], "Size": memory_words(size), "Share": f"{size / whole:.0%}"} for part, size in parts
    ]
    st.table(rows, border="horizontal", hide_index=True)
