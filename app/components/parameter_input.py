"""One control for one knob: drawn from its Parameter, holding what the draft says."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.components.markdown_escape import escape
from app.session import show_in_widget, widget_value
from backend.spec import Parameter

Change = Callable[[str, object], None]
MAX_EXACT = 2**53 - 1  # a browser's numbers are doubles


def parameter_input(
    parameter: Parameter, key: str, value: object, change: Change, problems: Sequence[str] = ()
) -> None:
    """Draw the knob that has the dotted `key` in the draft; `change(key, value)` is called when it is turned.

    None stands for the default, and is what an emptied optional field gives.
    """
    widget = f"draft-{key}"
    draw = {"int": _number, "float": _number, "bool": _switch, "choice": _choice, "text": _text, "list": _text}
    draw[parameter.kind](
        parameter,
        widget,
        parameter.default if value is None else value,
        lambda: change(key, _read(parameter, widget_value(widget))),
    )
    field_problems(problems)


def field_problems(problems: Sequence[str]) -> None:
    """What is wrong with the field above."""
    for problem in problems:
        st.markdown(f":red[:material/error: {escape(problem)}]")


def _number(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    kind = int if parameter.kind == "int" else float
    shown = kind(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    st.number_input(
        parameter.label,
        min_value=_bound(kind, parameter.minimum, shown, min),
        max_value=_bound(kind, parameter.maximum, shown, max),
        value=None,
        step=1 if kind is int else None,
        format=None if kind is int else "%g",
        key=show_in_widget(widget, shown),
        help=parameter.help or None,
        on_change=on_change,
        placeholder=f"default: {parameter.default}" if parameter.default is not None else "not set",
    )


def _bound(
    kind: type[int] | type[float], bound: float | None, shown: float | None, widest: Callable[..., float]
) -> int | float | None:
    """The bound, stretched to a value that is out of bounds: it is shown as it is, with its problem."""
    if bound is None:
        return None
    stretched = bound if shown is None else widest(bound, shown)
    return kind(max(-MAX_EXACT, min(MAX_EXACT, stretched)))


def _switch(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    key = show_in_widget(widget, bool(value))
    st.toggle(parameter.label, key=key, help=parameter.help or None, on_change=on_change)


def _choice(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    shown = str(value)
    known = shown in parameter.choices
    options = parameter.choices if known else (*parameter.choices, shown)
    key = show_in_widget(widget, shown)
    st.selectbox(parameter.label, options, key=key, help=parameter.help or None, on_change=on_change)


def _text(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
    key = show_in_widget(widget, shown)
    st.text_input(parameter.label, key=key, help=parameter.help or None, on_change=on_change)


def _read(parameter: Parameter, held: Any) -> object:  # noqa: ANN401 - widgets have values of any type
    """What the draft keeps of what a widget holds."""
    if parameter.kind not in ("text", "list"):
        return held
    text = str(held or "").strip()
    if parameter.kind == "text" or text in ("", parameter.default):
        return text or None
    return [name for part in text.split(",") if (name := part.strip())]
