"""The runs that wait, in the order in which they start: what each waits for, and ways to change that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.markdown_escape import escape
from app.notices import attempt
from app.session import widget_value
from backend.domain.run_view import RunView

MOST_ROWS = 8
MOST_ROWS_SHORT = 5
FEW = 3  # runs, which the buttons of the rows move fast enough
_RUN, _PLACE = "queue-place-run", "queue-place-number"


@dataclass(frozen=True, slots=True)
class QueueActions:
    """`step(run_id, by)` moves a run by places, negative towards the head; `move(run_id, place)` to a place from 1.

    The others take the run's id.
    """

    step: Callable[[str, int], object]
    hold: Callable[[str], object]
    release: Callable[[str], object]
    move: Callable[[str, int], object]


def run_queue(waiting: Sequence[RunView], held: Sequence[RunView], actions: QueueActions) -> None:
    """A row per waiting run with its buttons, then those that are held back."""
    with st.container(border=True, key="queue"):
        st.header("Queue", anchor=False)
        for view in waiting[:MOST_ROWS]:
            with _row(view, f"{view.queue_position}\\."):
                is_first, is_last = view.queue_position == 1, view is waiting[-1]
                _button("First", "vertical_align_top", view, actions.move, 1, is_possible=not is_first)
                _button("Up", "arrow_upward", view, actions.step, -1, is_possible=not is_first)
                _button("Down", "arrow_downward", view, actions.step, 1, is_possible=not is_last)
                _button("Pause" if view.run.attempts else "Hold", "pause", view, actions.hold, key="hold")
        for view in held[:MOST_ROWS]:
            with _row(view, ":gray-badge[held]"):
                _button("Release", "play_arrow", view, actions.release)
        left = len(waiting[MOST_ROWS:]) + len(held[MOST_ROWS:])
        if left:
            st.caption(f"{left:,} more; all of them: peft-studio queue list")
        if len(waiting) > FEW:
            _place(waiting, actions)


def _place(waiting: Sequence[RunView], actions: QueueActions) -> None:
    """Any run to any place, however long the queue is, without a mouse."""
    names = {view.id: f"{view.queue_position}. {view.name} ({view.id})" for view in waiting}

    def move() -> None:
        chosen = widget_value(_RUN)
        if chosen in names:
            attempt(actions.move, chosen, int(widget_value(_PLACE) or 1))

    with st.form("queue-place", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Move the run", list(names), key=_RUN, format_func=lambda run_id: names.get(run_id, run_id))
        st.number_input("to place", 1, len(waiting), 1, key=_PLACE, width=140)
        st.form_submit_button("Move", icon=":material/low_priority:", key="queue-place-move", on_click=move)


def waiting_list(waiting: Sequence[RunView]) -> None:
    """The head of the queue in a few lines."""
    for view in waiting[:MOST_ROWS_SHORT]:
        st.markdown(f"{view.queue_position}\\. **{escape(view.name)}**: {escape(view.run.message)}")
    if len(waiting) > MOST_ROWS_SHORT:
        st.caption(f"{len(waiting) - MOST_ROWS_SHORT:,} more wait.")


def _row(view: RunView, place: str) -> st.delta_generator.DeltaGenerator:
    """The words of a row; what it gives back is where its buttons go."""
    words, buttons = st.columns([3, 2], vertical_alignment="center")
    with words:
        priority = f" :gray-badge[priority {view.run.priority}]" if view.run.priority else ""
        st.markdown(f"{place} **{escape(view.name)}**{priority}")
        st.caption(escape(view.run.message))
    return buttons.container(horizontal=True, horizontal_alignment="right")


def _button(
    label: str,
    icon: str,
    view: RunView,
    action: Callable[..., object],
    *more: object,
    is_possible: bool = True,
    key: str = "",
) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"queue-{key or label.lower()}-{view.id}",
        disabled=not is_possible,
        help=escape(f"{label}: {view.name}"),
        on_click=attempt,
        args=(action, view.id, *more),
    )
