"""The list of waiting runs that is put in order by dragging or by keys; drawn in the browser, answered by Python."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from app.session import count, count_up, widget_value

ASSETS = Path(__file__).parents[1] / "assets" / "queue"
KEY, _ANSWERED = "queue-list", "queue-list-answered"


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A waiting run in plain text: what it needs, why it waits, and what its button is called."""

    id: str
    name: str
    resources: str
    priority: int
    waits: str
    hold: str


def queue_list(rows: Sequence[QueueRow], move: Callable[[str, int], object], hold: Callable[[str], object]) -> None:
    """Draw the rows in their order. `move` gets a run's id and its new place from 1, `hold` the id.

    The browser shows a move at once and waits for the answer to it, which is counted: what the server says then
    stands, also if it says the same as before.
    """
    known = [row.id for row in rows]

    def moved() -> None:
        found = move_in(_told("moved"), known)
        count_up(_ANSWERED)
        if found is not None:
            move(*found)

    def held() -> None:
        run_id = _told("held")
        if run_id in known:
            hold(str(run_id))

    data = {"rows": [asdict(row) for row in rows], "answered": count(_ANSWERED)}
    _component()(data=data, key=KEY, on_moved_change=moved, on_held_change=held)


def move_in(message: object, known: Collection[str]) -> tuple[str, int] | None:
    """The run and the place of a browser's message; None if it names no run of the list, or no number."""
    match message:
        case Mapping():
            run_id, place = message.get("run"), message.get("place")
        case _:
            return None
    return (str(run_id), place) if run_id in known and isinstance(place, int) else None


def _told(name: str) -> object:
    value = widget_value(KEY)
    return None if value is None else value.get(name)


@cache
def _component() -> Any:  # noqa: ANN401 - Streamlit's renderer
    js, css = ((ASSETS / name).read_text(encoding="utf-8") for name in ("queue.js", "queue.css"))
    return st.components.v2.component("studio_queue", js=js, css=css)
