"""Several runs that differ in some settings: what is typed, which runs that makes, and what they take."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.durations import in_words
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from app.session import show_in_widget, widget_value
from backend.domain.application_state import SweepForm
from backend.domain.measured_time import MeasuredTime
from backend.domain.preflight import PreflightReport
from backend.domain.sweep import PATTERN, SweepKind, written
from backend.services.sweeps import SweepPlan

TEXT, KIND, NAME, TAG, FIELD = "sweep-text", "sweep-kind", "sweep-pattern", "sweep-tag", "sweep-field"
KINDS = {"All combinations": SweepKind.GRID, "One list": SweepKind.LIST}
MOST_SHOWN = 50
MOST_WRONG = 5

Change = Callable[[SweepForm], object]


def sweep_input(form: SweepForm, fields: Sequence[str], suggested_tag: str, change: Change) -> None:
    """One setting with its values a line; `fields` are those that can be added."""
    st.caption("One setting a line, with the values that it takes: training.learning_rate: 1e-4, 2e-4")

    def typed() -> None:
        change(_held(str(widget_value(TEXT) or "")))

    def add() -> None:
        if field := widget_value(FIELD):
            before = str(widget_value(TEXT) or "").rstrip()
            change(_held(f"{before}\n{field}: ".lstrip()))

    st.text_area(
        "Settings and their values",
        key=show_in_widget(TEXT, form.text),
        on_change=typed,
        height=110,
        placeholder="training.learning_rate: 1e-4, 2e-4\nmethod.rank: 8, 16\ntraining.seed: 1, 2, 3",
        help="Values are YAML: numbers, words, [lists]. Lines that begin with # do not count.",
    )
    with st.grid(4, min_column_width=120, vertical_alignment="bottom"):
        st.selectbox(
            "Add a setting", fields, index=None, key=show_in_widget(FIELD, None), placeholder="Search", on_change=add
        )
        st.selectbox(
            "Combine as",
            list(KINDS),
            key=show_in_widget(KIND, list(KINDS)[form.is_list]),
            on_change=typed,
            help="All combinations: each value with each. One list: first values together, then second ones.",
        )
        st.text_input(
            "Names of the runs",
            key=show_in_widget(NAME, form.pattern),
            placeholder=PATTERN,
            on_change=typed,
            max_chars=200,
            help="Filled in are {name}, {settings}, {number}, and settings such as {training.seed}.",
        )
        st.text_input(
            "Common tag",
            key=show_in_widget(TAG, form.tag),
            placeholder=suggested_tag,
            on_change=typed,
            max_chars=50,
            help="All runs of the sweep get it, so that they are found together.",
        )


def _held(text: str) -> SweepForm:
    """What the widgets hold now, with this text: several may have changed since they were drawn."""
    return SweepForm(
        text,
        KINDS.get(widget_value(KIND) or "") is SweepKind.LIST,
        str(widget_value(NAME) or ""),
        str(widget_value(TAG) or ""),
    )


def sweep_runs(plan: SweepPlan) -> None:
    """The runs to be, and what is wrong with them."""
    if plan.misfit:
        st.warning(escape(plan.misfit), icon=":material/edit_note:")
        return
    wrong = [run for run in plan.runs if run.problems]
    if wrong:
        lines = [
            f"- **{escape(run.name)}** {escape('; '.join(str(one) for one in run.problems))}"
            for run in wrong[:MOST_WRONG]
        ]
        more = f"\n\nAnd {len(wrong) - MOST_WRONG} more." if len(wrong) > MOST_WRONG else ""
        st.error(
            f"{len(wrong)} of {len(plan.runs)} runs cannot be:\n\n" + "\n".join(lines) + more, icon=":material/error:"
        )
    st.dataframe(
        [
            {"Name": run.name, **{key: written(value) for key, value in run.settings.items()}}
            for run in plan.runs[:MOST_SHOWN]
        ],
        hide_index=True,
        height=min(260, 38 + 35 * len(plan.runs)),
        alt=f"The {len(plan.runs)} runs of the sweep with their settings",
    )
    if len(plan.runs) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(plan.runs)}.")


def sweep_cost(num_runs: int, report: PreflightReport | None, time: MeasuredTime | None) -> None:
    """How many, how long, how much; what nobody has measured is unknown."""
    steps = report.steps_estimate if report else None
    needed = report.needed_bytes if report else None
    seconds = None if time is None or steps is None else time.estimate(steps) * num_runs
    with st.grid(3, min_column_width=120):
        st.metric("Runs", f"{num_runs:,}")
        st.metric(
            "Time" + ("" if seconds is None else " (estimate)"),
            "unknown" if seconds is None else in_words(seconds),
            help="No run of this shape has been finished on this machine yet."
            if time is None
            else f"From the run {escape(time.run_name)}; one after another, each as long as the first.",
        )
        st.metric(
            "Disk (estimate)",
            "-" if needed is None else in_bytes(needed * num_runs),
            help="At most: as much as the first of these runs may take, for each.",
        )
