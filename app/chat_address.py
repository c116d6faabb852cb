"""The address of the Chat view: ?run=ID&with=run:ID@checkpoint-40&with=base says who sits side by side."""

from collections.abc import Sequence

import streamlit as st

from app.session import note, noted, show_in_widget, widget_value
from backend.domain.chat_sides import BASE, Side, Subject, read_sides, written

BESIDE = "chat-beside"
_SHOWN, _SUBJECT = "chat-shown", "chat-subject"


def asked_model() -> str | None:
    """The base model that the address names, None for a run."""
    model = st.query_params.get("model")
    return model if model and "run" not in st.query_params else None


def opened(subject: Subject, first: Side, *, with_base: bool) -> tuple[tuple[Side, ...], tuple[str, ...]]:
    """The sides to show, and texts of the address that are none. Call it before the widget under BESIDE is drawn.

    A person's choice in the widget counts until the browser has heard of it; another subject begins anew.
    """
    previous = noted(_SUBJECT)
    asked = st.query_params.get_all("with")
    held = widget_value(BESIDE)
    if previous is not None and previous != subject.key:
        asked, held = [], None
    note(_SUBJECT, subject.key)
    if held is not None and list(held) != noted(_SHOWN):
        asked = [str(one) for one in held] or ["none"]
    sides, refused = read_sides(first, asked, with_base=with_base)
    beside = [side.address for side in sides if side != first]
    show_in_widget(BESIDE, beside)
    note(_SHOWN, beside)
    if not refused:  # what could not be read stays in the address, and is told, until somebody chooses
        _write(first, sides, is_default=not asked)
    return sides, refused


def holds_base(sides: Sequence[Side]) -> bool:
    """Whether the base model is among them."""
    return any(side.address == BASE for side in sides)


def _write(first: Side, sides: Sequence[Side], *, is_default: bool) -> None:
    wanted = [] if is_default else written(first, sides)
    if first.run_id is None and wanted == ["none"]:
        wanted = []
    if st.query_params.get_all("with") != wanted:
        if wanted:
            st.query_params["with"] = wanted
        elif "with" in st.query_params:
            del st.query_params["with"]
