"""A figure as a card: what it is, its value, and a small line of how it came there."""

import math
from collections.abc import Callable, Sequence

import streamlit as st

from app.components.sparkline import sparkline

NOT_MEASURED = "-"
Form = str | Callable[[float], str]


def figure(
    label: str, value: str, line: Sequence[float] = (), *, about: str = "", note: str = "", alt: str = ""
) -> None:
    """`about` stands below the value, `note` is the help, `alt` the text of the line: it is drawn if it has both."""
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.metric(
            label,
            value,
            help=note or None,
            delta=about or None,
            delta_color="off",
            delta_arrow="off",
        )
        if alt:
            sparkline(line, alt)


def number(value: float, form: Form) -> str:
    """By a format such as "{:.4f}", or a function; what is no number says so."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return form(value) if callable(form) else form.format(value)
