"""Doctor: what is wrong with a dataset, the rows that show it, and a cleaned copy."""

import streamlit as st

from app.components.findings_list import findings_list
from app.components.job_box import answer_of
from app.components.made_box import made_box
from app.dataset_pages.asking import question
from app.dataset_pages.opened import Opened, chosen, go_to
from app.notices import attempt, say
from app.session import widget_value
from backend.data.choice import DatasetChoice
from backend.domain.data_report import DataOrder, DataReport, Place
from backend.services.dataset_desk import place_of
from backend.services.dataset_making import Made, Removal

NUM_ROWS = 1_000
REMOVALS = "clean-removals"


def draw(opened: Opened) -> None:
    """The question, the findings, the copy."""
    asked = question(opened, needs_model=False)
    if asked is None:
        return
    validation = _validation(opened)
    data = asked.dataset.model_copy(update={"validation_path": validation or None})
    order = asked.model_copy(update={"num_rows": NUM_ROWS, "show": 0, "dataset": data})
    key = opened.desk.examination_key("doctor", order)
    job = opened.desk.jobs.of(key)
    if job is None:
        st.button(
            "Examine the dataset",
            type="primary",
            icon=":material/stethoscope:",
            key="doctor-examine",
            on_click=attempt,
            args=(opened.desk.examine, "doctor", order),
            help=f"Reads all rows, and cuts up to {NUM_ROWS:,} of them, drawn evenly, into tokens.",
        )
    report = answer_of(job, lambda: opened.desk.examine("doctor", order), "doctor")
    if isinstance(report, DataReport):
        _report(opened, report)
        st.button(
            "Examine again",
            icon=":material/refresh:",
            key="doctor-again",
            on_click=opened.desk.jobs.forget,
            args=(key,),
        )
    _copy(opened, order, validation)


def _validation(opened: Opened) -> str:
    others = {one.path: one.name for one in opened.desk.registry.list() if one.part.hub_id is None}
    others.pop(opened.part.path, None)
    titles = {"": "none: rows are held out of this one", **others}
    return chosen("Validation dataset", titles, "validation", "Rows that are in both are leaks.")


def _report(opened: Opened, report: DataReport) -> None:
    goes_on = "" if report.is_complete else " The dataset goes on behind these."
    st.markdown(f"{report.num_rows:,} rows read, {report.num_sampled:,} looked at closely.{goes_on}")
    if report.lengths is not None:
        lengths = report.lengths
        with st.grid(4, min_column_width=150):
            st.metric("Half of the rows have up to", f"{lengths.percentiles['50']:,} tokens")
            st.metric("95 of 100 have up to", f"{lengths.percentiles['95']:,} tokens")
            st.metric("Cut at the longest length", f"{lengths.num_cut:,} rows")
            st.metric("Proposed longest row", f"{lengths.proposed_max_length:,} tokens", help=lengths.rule)
    if not report.findings:
        st.success("Nothing is wrong with these rows.", icon=":material/check_circle:")
        return

    def show(place: Place) -> None:
        source, number = place_of(place, opened.table.facts.sources)
        at = opened.table.position(number, source)
        if at is None:
            say(f"Row {place} is not among the rows of this dataset: it is of the validation dataset.")
        else:
            go_to(at, "rows")

    findings_list(report.findings, show, "finding")


def _copy(opened: Opened, order: DataOrder, validation: str) -> None:
    st.header("A cleaned copy", anchor=False)
    st.caption("A new dataset in this workspace, with a note of what was left out. The original is never changed.")
    possible = [
        removal
        for removal in Removal
        if (removal is not Removal.LEAK or validation) and (removal is not Removal.TOO_LONG or order.base_model)
    ]
    names = [removal.value for removal in possible]
    st.multiselect(
        "Leave out each row that",
        names,
        default=[name for name in names if name != Removal.TOO_LONG.value],
        key=REMOVALS,
        help="Leaks need a validation dataset, lengths a base model: choose them above.",
    )
    st.button(
        "Write a cleaned copy",
        icon=":material/cleaning_services:",
        key="clean-write",
        on_click=attempt,
        args=(_write, opened, order, validation),
    )
    made = answer_of(opened.desk.jobs.of(opened.desk.key("clean", opened.part)), lambda: None, "clean")
    if isinstance(made, Made):
        made_box([made], len(opened.table))


def _write(opened: Opened, order: DataOrder, validation: str) -> None:
    removals = frozenset(Removal(value) for value in widget_value(REMOVALS) or ())
    whole = order.model_copy(update={"dataset": DatasetChoice(**opened.named.model_dump())})
    opened.desk.clean(opened.part, removals, whole, validation)
