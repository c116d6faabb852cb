"""The runs that wait, in the order in which they start: what each waits for, and ways to change that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.markdown_escape import escape
from app.components.queue_list import QueueRow, queue_list
from app.notices import attempt
from app.session import widget_value
from backend.domain.places import Need
from backend.domain.run_view import RunView

MOST_ROWS = 200
MOST_HELD = 8
MOST_ROWS_SHORT = 5
_RUN, _PLACE = "queue-place-run", "queue-place-number"
_GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class QueueActions:
    """`move(run_id, place)` puts a run to a place from 1; the others take the run's id."""

    move: Callable[[str, int], object]
    hold: Callable[[str], object]
    release: Callable[[str], object]


def run_queue(
    waiting: Sequence[RunView], held: Sequence[RunView], needs: Mapping[str, Need], actions: QueueActions
) -> None:
    """The waiting runs as a list to be dragged into order, then those that are held back. `needs` by run id."""
    with st.container(border=True, key="queue"):
        st.header("Queue", anchor=False)
        if waiting:
            queue_list(
                [_row(view, needs) for view in waiting[:MOST_ROWS]],
                move=lambda run_id, place: attempt(actions.move, run_id, place),
                hold=lambda run_id: attempt(actions.hold, run_id),
            )
        for view in held[:MOST_HELD]:
            _held(view, actions)
        left = len(waiting[MOST_ROWS:]) + len(held[MOST_HELD:])
        if left:
            st.caption(f"{left:,} more; all of them: peft-studio queue list")
        if len(waiting) > MOST_ROWS:
            _place(waiting, actions)


def resources(need: Need | None) -> str:
    """What a run takes, in a few words."""
    if need is None or need.kind == "cpu":
        return "CPU"
    each = " each" if need.count > 1 else ""
    memory = f", {need.memory_bytes / _GIGABYTE:g} GB{each}" if need.memory_bytes else ""
    return f"{need.count} GPU{'s' if need.count > 1 else ''}{memory}"


def waiting_list(waiting: Sequence[RunView]) -> None:
    """The head of the queue in a few lines."""
    for view in waiting[:MOST_ROWS_SHORT]:
        st.markdown(f"{view.queue_position}\\. **{escape(view.name)}**: {escape(view.run.message)}")
    if len(waiting) > MOST_ROWS_SHORT:
        st.caption(f"{len(waiting) - MOST_ROWS_SHORT:,} more wait.")


def _row(view: RunView, needs: Mapping[str, Need]) -> QueueRow:
    run = view.run
    hold = "Pause" if run.attempts else "Hold"
    return QueueRow(view.id, view.name, resources(needs.get(view.id)), run.priority, run.message, hold)


def _held(view: RunView, actions: QueueActions) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":gray-badge[held] **{escape(view.name)}**: {escape(view.run.message)}", width="stretch")
        st.button(
            "Release",
            icon=":material/play_arrow:",
            key=f"queue-release-{view.id}",
            help=escape(f"Release: {view.name}"),
            on_click=attempt,
            args=(actions.release, view.id),
        )


def _place(waiting: Sequence[RunView], actions: QueueActions) -> None:
    """Any run to any place, also those that the list has no room for."""
    names = {view.id: f"{view.queue_position}. {view.name} ({view.id})" for view in waiting}

    def move() -> None:
        chosen = widget_value(_RUN)
        if chosen in names:
            attempt(actions.move, chosen, int(widget_value(_PLACE) or 1))

    with st.form("queue-place", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Move the run", list(names), key=_RUN, format_func=lambda run_id: names.get(run_id, run_id))
        st.number_input("to place", 1, len(waiting), 1, key=_PLACE, width=140)
        st.form_submit_button("Move", icon=":material/low_priority:", key="queue-place-move", on_click=move)
