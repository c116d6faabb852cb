"""The knobs of training: the few that matter, those of a spec, and those of a dataset."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.markdown_escape import escape
from app.components.parameter_input import Change, field_problems, parameter_input
from app.drafts import value_at
from app.session import show_in_widget, widget_value
from backend.data.choice import Columns, DatasetChoice
from backend.domain.run_config import Training
from backend.spec import Parameter, Spec, parameter

FIRST = ("learning_rate", "batch_size", "max_length")
LENGTHS = {"Epochs": "epochs", "Steps": "max_steps"}
FIRST_STEPS = 100
FIRST_KNOBS = ("rank", "alpha", "dropout", "target_modules")
FEW_KNOBS = 8
DATASET = ("format", "validation_fraction", "validation_path")
_LENGTH = "draft-length"
READING, MORE = "train-reading", "train-more-of-method"

Draft = Mapping[str, Any]
Problems = Mapping[str, Sequence[str]]


def spec_form(spec: type[Spec], place: str, draft: Draft, change: Change, problems: Problems) -> None:
    """Every knob of a spec that the draft keeps under `place`."""
    _row(spec.parameters(), place, draft, change, problems)


def method_form(spec: type[Spec], draft: Draft, change: Change, problems: Problems) -> None:
    """The knobs of a method that matter, and those with problems; the others in an expander if there are many."""
    knobs = spec.parameters()
    first = [
        knob
        for knob in knobs
        if len(knobs) <= FEW_KNOBS or knob.name in FIRST_KNOBS or problems.get(f"method.{knob.name}")
    ]
    first.sort(key=lambda knob: FIRST_KNOBS.index(knob.name) if knob.name in FIRST_KNOBS else len(FIRST_KNOBS))
    _row(first, "method", draft, change, problems)
    others = [knob for knob in knobs if knob not in first]
    if others:
        with lazy_expander(f"More settings of {escape(spec.card.title)}", ":material/tune:", MORE) as is_open:
            if is_open:
                _row(others, "method", draft, change, problems)


def first_training_form(draft: Draft, change: Change, problems: Problems) -> None:
    """How long, how fast, in which portions."""
    is_in_steps = value_at(draft, "training.max_steps") is not None
    st.radio(
        "Train for a number of",
        list(LENGTHS),
        horizontal=True,
        key=show_in_widget(_LENGTH, "Steps" if is_in_steps else "Epochs"),
        on_change=lambda: change("training.max_steps", _steps(widget_value(_LENGTH), draft)),
    )
    length = LENGTHS["Steps" if is_in_steps else "Epochs"]
    _row([_of_training(name) for name in (length, *FIRST)], "training", draft, change, problems)


def dataset_form(draft: Draft, change: Change, problems: Problems) -> None:
    """How the rows of the dataset are read, and which are held out; what is wrong is told also while it is closed."""
    inside = {key: told for key, told in problems.items() if key.startswith("dataset.") and key != "dataset.path"}
    with lazy_expander("Format, columns and validation", ":material/view_column:", READING) as is_open:
        if is_open:
            _dataset_fields(draft, change, problems)
    if not is_open:
        field_problems([f"{key}: {problem}" for key, told in inside.items() for problem in told])


def _dataset_fields(draft: Draft, change: Change, problems: Problems) -> None:
    fields = [parameter(name, DatasetChoice.model_fields[name]) for name in DATASET]
    _row(fields, "dataset", draft, change, problems)
    st.caption("Names of columns, for files that call them otherwise. Empty means the format's own name.")
    columns = [parameter(name, field) for name, field in Columns.model_fields.items()]
    _row(columns, "dataset.columns", draft, change, problems)


def _row(
    parameters: Sequence[Parameter],
    place: str,
    draft: Draft,
    change: Change,
    problems: Problems,
) -> None:
    with st.grid(4, min_column_width=130):
        for knob in parameters:
            key = f"{place}.{knob.name}"
            with st.container():
                parameter_input(knob, key, value_at(draft, key), change, problems.get(key, ()))


@cache
def _of_training(name: str) -> Parameter:
    return parameter(name, Training.model_fields[name])


def _steps(length: object, draft: Draft) -> int | None:
    """What max_steps becomes when the unit is chosen."""
    return value_at(draft, "training.max_steps", FIRST_STEPS) if length == "Steps" else None
