"""Every setting of a run that is not among the few that matter, by section, to be searched."""

from collections.abc import Mapping
from functools import cache

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.parameter_input import Change, default_told, parameter_input
from app.components.training_form import FIRST, LENGTHS, Draft, Problems
from app.drafts import SECTIONS, value_at
from app.session import widget_value
from backend.quantization import Quantization
from backend.spec import Parameter, members, parameter

OPEN, SEARCH = "train-all-settings", "train-setting-search"
TITLES = {
    "training": "Training",
    "speed": "Speed and memory",
    "guards": "Guards: what is looked out for",
    "samples": "Sample answers",
    "devices": "Devices",
    "quantization": "Number format of the base weights",
    "base_model": "Base model",
}
_ABOVE = {*(f"training.{name}" for name in (*FIRST, *LENGTHS.values())), "base_model.path"}


def all_settings(draft: Draft, change: Change, problems: Problems) -> None:
    """An expander, whose label stays the same so that it stays open; above it, what is not at its default or wrong."""
    found = settings(draft)
    changed = sum(value_at(draft, key) not in (None, knob.default) for key, knob in found.items())
    wrong = sum(bool(problems.get(key)) for key in found)
    told = [f"{changed} changed"] * bool(changed) + [f"{wrong} to correct"] * bool(wrong)
    if told:
        st.caption(f"Of the others: {', '.join(told)}.")
    with lazy_expander("All settings", ":material/tune:", OPEN) as is_open:
        if is_open:
            _search(found, draft, change, problems)


def settings(draft: Draft) -> dict[str, Parameter]:
    """By dotted key, in the order of the sections."""
    found: dict[str, Parameter] = {}
    for place in TITLES:
        if place == "quantization":
            found["quantization.name"] = _format(draft)
            found |= _knobs_of_format(draft)
        else:
            found |= _of_section(place)
    return {key: knob for key, knob in found.items() if key not in _ABOVE}


@cache
def _of_section(place: str) -> Mapping[str, Parameter]:
    """They do not change while the program runs, and every draw of the form counts those that are changed."""
    return {f"{place}.{name}": parameter(name, field) for name, field in SECTIONS[place].model_fields.items()}


def _search(found: Mapping[str, Parameter], draft: Draft, change: Change, problems: Problems) -> None:
    st.text_input(
        "Search settings",
        key=SEARCH,
        placeholder="Name or purpose: warm-up, memory, checkpoint",
        icon=":material/search:",
    )
    wanted = str(widget_value(SEARCH) or "").casefold().split()
    shown = {key: knob for key, knob in found.items() if all(word in _searched(key, knob) for word in wanted)}
    if not shown:
        st.caption("No setting matches. Search for less.")
    for place, title in TITLES.items():
        keys = [key for key in shown if key.partition(".")[0] == place]
        if keys:
            st.subheader(title, anchor=False)
            _grid({key: shown[key] for key in keys}, draft, change, problems)


def _grid(shown: Mapping[str, Parameter], draft: Draft, change: Change, problems: Problems) -> None:
    with st.grid(3, min_column_width=180):
        for key, knob in shown.items():
            with st.container(gap="xxsmall"):
                value = value_at(draft, key)
                parameter_input(knob, key, value, change, problems.get(key, ()))
                if value not in (None, knob.default) and knob.kind != "bool":
                    st.caption(f"Default: {default_told(knob)}")


def _searched(key: str, knob: Parameter) -> str:
    return f"{key} {knob.label} {knob.help} {TITLES[key.partition('.')[0]]}".replace("_", " ").casefold()


def _format(draft: Draft) -> Parameter:
    names = tuple(spec.spec_name() for spec in members(Quantization))
    is_qlora = value_at(draft, "method.name") == "qlora"
    return Parameter(
        "name",
        "Quantization",
        "Number format of the base weights; QLoRA is LoRA on nf4.",
        "choice",
        "nf4" if is_qlora else "none",
        choices=names,
        reason="QLoRA means 4-bit weights."
        if is_qlora
        else "Full weights lose nothing; choose nf4 if memory is short.",
    )


def _knobs_of_format(draft: Draft) -> dict[str, Parameter]:
    named = value_at(draft, "quantization.name") or _format(draft).default
    spec = next((spec for spec in members(Quantization) if spec.spec_name() == named), None)
    return {f"quantization.{knob.name}": knob for knob in spec.parameters()} if spec else {}
