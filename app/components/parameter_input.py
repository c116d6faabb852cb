"""One control for one knob: drawn from its Parameter, holding what the draft says."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeGuard

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
    draw = {"int": _whole, "float": _fraction, "bool": _switch, "choice": _choice, "lines": _lines}
    draw.get(parameter.kind, _text)(
        parameter,
        widget,
        parameter.default if value is None else value,
        lambda: change(key, _read(parameter, widget_value(widget))),
    )
    field_problems(problems)


def help_text(parameter: Parameter) -> str | None:
    """What the setting is for, within which bounds, and why its default is what it is."""
    parts = [escape(parameter.help), _bounds_told(parameter)]
    if parameter.default is not None or parameter.reason:
        told = f"Default: {escape(default_told(parameter))}."
        parts.append(f"{told} {escape(parameter.reason)}" if parameter.reason else told)
    return "\n\n".join(part for part in parts if part) or None


def default_told(parameter: Parameter) -> str:
    """The default as a person writes it."""
    default = parameter.default
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, float):
        return f"{default:g}"
    return _written(default) if default not in (None, "", (), {}) else "not set"


def _bounds_told(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    least = "" if low is None else f"{'Above' if parameter.is_minimum_open else 'At least'} {low:g}"
    most = "" if high is None else f"{'below' if parameter.is_maximum_open else 'at most'} {high:,.10g}"
    joined = ", ".join(part for part in (least, most) if part)
    return f"{joined[:1].upper()}{joined[1:]}." if joined else ""


def field_problems(problems: Sequence[str]) -> None:
    """What is wrong with the field above."""
    for problem in problems:
        st.markdown(f":red[:material/error: {escape(problem)}]")


def _whole(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    shown = int(value) if _is_number(value) else None
    low, high = _bounds(parameter, shown)
    st.number_input(
        parameter.label,
        min_value=None if low is None else int(low),
        max_value=None if high is None else int(high),
        value=_first_value(parameter, shown),
        step=1,
        key=show_in_widget(widget, shown),
        help=help_text(parameter),
        on_change=on_change,
        placeholder="not set",
    )


def _fraction(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    shown = float(value) if _is_number(value) else None
    low, high = _bounds(parameter, shown)
    st.number_input(
        parameter.label,
        min_value=None if low is None else float(low),
        max_value=None if high is None else float(high),
        value=_first_value(parameter, shown),
        step=_step(parameter.default),
        format="%g",
        key=show_in_widget(widget, shown),
        help=help_text(parameter),
        on_change=on_change,
        placeholder="not set",
    )


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _first_value(parameter: Parameter, shown: float | None) -> Literal["min"] | None:
    """Streamlit draws a button to empty the field if None is possible; the value comes from the session."""
    return None if parameter.default is None or shown is None else "min"


def _step(default: object) -> float:
    """What the buttons of a fraction add: one in the first digit of its default."""
    return 10.0 ** math.floor(math.log10(default)) if _is_number(default) and default > 0 else 0.05


def _bounds(parameter: Parameter, shown: float | None) -> tuple[float | None, float | None]:
    """The bounds, stretched to a value that is out of bounds: it is shown as it is, with its problem."""
    low, high = parameter.minimum, parameter.maximum
    if shown is not None:
        low, high = None if low is None else min(low, shown), None if high is None else max(high, shown)
    return low if low is None else max(-MAX_EXACT, low), high if high is None else min(MAX_EXACT, high)


def _switch(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    key = show_in_widget(widget, bool(value))
    st.toggle(parameter.label, key=key, help=help_text(parameter), on_change=on_change)


def _choice(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    shown = str(value)
    known = shown in parameter.choices
    options = parameter.choices if known else (*parameter.choices, shown)
    key = show_in_widget(widget, shown)
    st.selectbox(parameter.label, options, key=key, help=help_text(parameter), on_change=on_change)


def _text(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    shown = _written(value)
    key = show_in_widget(widget, shown)
    st.text_input(parameter.label, key=key, help=help_text(parameter), on_change=on_change)


def _lines(parameter: Parameter, widget: str, value: object, on_change: Callable[[], None]) -> None:
    """One text a line; what is more than a text is kept, but changed in run.yaml only."""
    items = value if isinstance(value, list | tuple) else ()
    is_plain = all(isinstance(item, str) and "\n" not in item for item in items)
    shown = "\n".join(map(str, items)) if is_plain else ""
    st.text_area(
        parameter.label,
        key=show_in_widget(widget, shown),
        help=help_text(parameter),
        on_change=on_change,
        height=100,
        placeholder="one a line",
        disabled=not is_plain,
    )
    if not is_plain:
        st.caption(f"{len(items)} entries of several parts are kept as they are; change them in run.yaml.")


def _written(value: object) -> str:
    """Text, names with commas between them, or pairs such as q_proj=16."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")


def _read(parameter: Parameter, held: Any) -> object:  # noqa: ANN401 - widgets have values of any type
    """What the draft keeps of what a widget holds."""
    if parameter.kind not in ("text", "list", "map", "lines"):
        return held
    text = str(held or "").strip()
    if parameter.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()] or None
    if parameter.kind == "text" or text in ("", parameter.default):
        return text or None
    parts = [name for part in text.split(",") if (name := part.strip())]
    if parameter.kind == "list":
        return parts
    return {name.strip(): item.strip() for name, _, item in (part.partition("=") for part in parts)}
