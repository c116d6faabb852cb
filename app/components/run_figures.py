"""The key figures of a run, each with a small line of its whole curve."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app.components.durations import in_words, roughly
from app.components.figure import NOT_MEASURED, Form, figure, number
from app.components.sizes import in_bytes
from backend.domain.curves import Series
from backend.domain.run_report import RunReport
from backend.domain.trends import thinned

LINE_POINTS = 60
NARROWEST = 150  # pixels of a card
_GPU, _TRAINER = "gpu/0/memory_bytes", "system/trainer_memory_bytes"


@dataclass(frozen=True, slots=True)
class Kpi:
    """`form` makes the words of a finite value."""

    label: str
    tag: str
    form: Form
    note: str = ""


_KPIS = (
    Kpi("Training loss", "train/loss", "{:.4f}"),
    Kpi("Evaluation loss", "eval/loss", "{:.4f}", "On rows that are held back from training."),
    Kpi("Learning rate", "train/learning_rate", "{:.2e}"),
    Kpi("Gradient norm", "train/grad_norm", "{:.3g}", "Before clipping."),
    Kpi("Tokens per second", "perf/tokens_per_second", "{:,.0f}", "During steps; padding is not counted."),
    Kpi("Seconds per step", "perf/seconds_per_step", "{:.3g} s", "Without evaluations and checkpoints."),
)
_MEMORY = (
    Kpi("GPU memory", _GPU, in_bytes, "In use on the first GPU, other programs' included."),
    Kpi("Memory", _TRAINER, in_bytes, "Main memory of the trainer's processes."),
)


def run_figures(report: RunReport) -> None:
    """The step, then what is measured; a dash where nothing was yet."""
    view, series = report.view, report.curves.series
    memory = next((kpi for kpi in _MEMORY if kpi.tag in series), _MEMORY[-1])
    with st.grid(5, min_column_width=NARROWEST):
        steps = f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "not known yet"
        figure("Step", steps)
        _time(report)
        for kpi in (*_KPIS, memory):
            _kpi(kpi, series)


def loss_alt(series: Series) -> str:
    """The text of a small line of the training loss."""
    return _alt("Training loss", series, "{:.3g}")


def _time(report: RunReport) -> None:
    """What is left, or how long all attempts together took."""
    if report.view.run.is_over:
        spans = [one.ended_at - one.started_at for one in report.view.run.attempts if one.ended_at]
        took = in_words(sum(span.total_seconds() for span in spans)) if spans else NOT_MEASURED
        figure("Took", took, note="All attempts together, without what was between them.")
        return
    left = report.time_left
    figure("Time left (estimate)", roughly(left.seconds) if left else NOT_MEASURED)


def _kpi(kpi: Kpi, all_series: Mapping[str, Series]) -> None:
    series = all_series.get(kpi.tag)
    if series is None or not len(series):
        figure(kpi.label, NOT_MEASURED, note=kpi.note)
        return
    line = thinned(series, LINE_POINTS)
    figure(
        kpi.label,
        number(float(series.values[-1]), kpi.form),
        line,
        note=kpi.note,
        alt=_alt(kpi.label, series, kpi.form),
    )


def _alt(label: str, series: Series, form: Form) -> str:
    """Such as: Training loss from step 1 to 400: first 2.1, now 1.3."""
    first, last = (number(float(series.values[place]), form) for place in (0, -1))
    return f"{label} from step {series.steps[0]:,} to {series.steps[-1]:,}: first {first}, last {last}"
