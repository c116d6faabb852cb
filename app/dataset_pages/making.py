"""Split and mix: two sides of one dataset, or several datasets by weight."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.components.job_box import answer_of
from app.components.made_box import made_box
from app.components.markdown_escape import escape
from app.dataset_pages.opened import Opened
from app.links import open_view
from app.notices import attempt
from app.session import widget_value
from app.train_form import put_into_form
from backend.data.choice import DatasetChoice, DatasetPart
from backend.data.inspection import DatasetSummary
from backend.data.sides import times
from backend.services.bundle import Services
from backend.services.dataset_registry import Listed
from config.yaml_files import dump_yaml

FRACTION, SEED, OTHERS = "split-fraction", "split-seed", "mix-others"
WEIGHT = "mix-weight-"


def draw(opened: Opened) -> None:
    """Two halves."""
    _split(opened)
    _mix(opened)


def train_with(services: Services, choice: DatasetChoice) -> None:
    """Put a dataset into the draft of the Train page, and go there."""
    told = choice.model_dump(mode="json", exclude_defaults=True)
    put_into_form(services, {"dataset": told})
    open_view("train")


def as_choice(part: DatasetPart) -> DatasetChoice:
    """One dataset by itself."""
    return DatasetChoice(**part.model_dump())


def _split(opened: Opened) -> None:
    st.header("Split", anchor=False)
    st.caption(
        "Two new files in this workspace. The same seed gives the same files; rows with the same words are on one "
        "side, so nothing is trained on and validated on."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Share for validation", 0.01, 0.5, 0.1, 0.01, format="%.2f", key=FRACTION, width=180)
        st.number_input("Seed", 0, 2**31 - 1, 42, key=SEED, width=140)
        st.button(
            "Write both files",
            icon=":material/call_split:",
            key="split-write",
            on_click=attempt,
            args=(_write, opened),
        )
    made = answer_of(opened.desk.jobs.of(opened.desk.key("split", opened.part)), lambda: None, "split")
    if made:
        made_box(made, len(opened.table))
        train, validation = (one.dataset.path for one in made)
        columns = opened.part.columns
        choice = DatasetChoice(path=train, format=opened.part.format, columns=columns, validation_path=validation)
        st.button(
            "Train with these two",
            icon=":material/model_training:",
            key="split-train",
            on_click=train_with,
            args=(opened.services, choice),
        )


def _write(opened: Opened) -> None:
    opened.desk.split(opened.part, float(widget_value(FRACTION)), int(widget_value(SEED)))


def _mix(opened: Opened) -> None:
    st.header("Mix", anchor=False)
    st.caption("Nothing is written: the weights become part of the run's order, and say how often rows come.")
    known = {one.path: one for one in opened.desk.registry.list() if one.path != opened.part.path}
    st.multiselect(
        "Mix with",
        list(known),
        format_func=lambda path: known[path].name if path in known else path,
        key=OTHERS,
        max_selections=8,
        placeholder="Choose other datasets of the list",
    )
    others = [known[path] for path in widget_value(OTHERS) or () if path in known]
    if not others:
        return
    weights = _weights([opened.listed, *others])
    first, *rest = [one.part.model_copy(update={"weight": weights[one.path]}) for one in (opened.listed, *others)]
    choice = DatasetChoice(**first.model_dump(), mix=tuple(rest))
    _parts(opened, [opened.listed, *others], weights)
    _count(opened, choice)
    with st.expander("As it stands in run.yaml", icon=":material/terminal:"):
        st.code(dump_yaml({"dataset": choice.model_dump(mode="json", exclude_defaults=True)}), language="yaml")
    st.button(
        "Train with this mixture",
        type="primary",
        icon=":material/model_training:",
        key="mix-train",
        on_click=train_with,
        args=(opened.services, choice),
    )


def _weights(parts: list[Listed]) -> dict[str, float]:
    found = {}
    with st.grid(4, min_column_width=150):
        for one in parts:
            weight = st.number_input(
                escape(f"Weight of {one.name}"),
                min_value=0.01,
                max_value=1000.0,
                value=1.0,
                step=0.25,
                format="%g",
                key=f"{WEIGHT}{one.path}",
                help="1: each row once in an epoch; 2: twice; 0.5: a random half of the rows once.",
            )
            found[one.path] = float(weight)
    return found


def _parts(opened: Opened, parts: list[Listed], weights: Mapping[str, float]) -> None:
    """Rows of each part in an epoch, if nothing were held out; the exact count is asked for."""
    rows: list[dict[str, Any]] = []
    for one in parts:
        facts = opened.desk.facts(one.part)
        usable = None if facts.num_rows is None else facts.num_rows - facts.num_problems
        if usable is None:
            rows.append({"Dataset": one.name, "Rows": None, "Weight": weights[one.path], "Rows in an epoch": None})
            continue
        whole, more = times(usable, weights[one.path])
        each = {"Dataset": one.name, "Rows": usable, "Weight": weights[one.path]}
        rows.append({**each, "Rows in an epoch": whole * usable + more})
    st.dataframe(rows, hide_index=True, alt="The datasets of the mixture with their rows in an epoch")
    st.caption("Before rows are held out for validation. Rows of datasets that were not read yet are not known.")


def _count(opened: Opened, choice: DatasetChoice) -> None:
    if any(part.hub_id for part in choice.parts):
        return
    key = opened.desk.preview_key(choice)
    job = opened.desk.jobs.of(key)
    if job is None:
        st.button(
            "Count exactly",
            icon=":material/functions:",
            key="mix-count",
            help="Reads all rows, as the run will: held-out rows, duplicates, problems.",
            on_click=attempt,
            args=(opened.desk.preview, choice),
        )
    summary = answer_of(job, lambda: opened.desk.preview(choice), "mix")
    if isinstance(summary, DatasetSummary):
        with st.grid(4, min_column_width=150):
            st.metric("Rows trained on in an epoch", f"{summary.num_train_rows:,}")
            st.metric("Rows held out", f"{summary.num_validation_rows:,}")
            st.metric("Duplicates", f"{summary.num_duplicates:,}")
            st.metric("Rows with problems", f"{summary.num_problems:,}")
