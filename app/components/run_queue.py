"""The runs that wait, in the order in which they start: what each waits for, and ways to change that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.components.markdown_escape import escape
from app.notices import attempt
from backend.domain.run_view import RunView

MOST_ROWS = 20
MOST_ROWS_SHORT = 5


@dataclass(frozen=True, slots=True)
class QueueActions:
    """`step(run_id, by)` moves a run by places, negative towards the head; the others take the run's id."""

    step: Callable[[str, int], object]
    hold: Callable[[str], object]
    release: Callable[[str], object]


def run_queue(waiting: Sequence[RunView], held: Sequence[RunView], actions: QueueActions) -> None:
    """A row per waiting run with its buttons, then those that are held back."""
    with st.container(border=True, key="queue"):
        st.subheader("Queue", anchor=False)
        for view in waiting[:MOST_ROWS]:
            with _row(view, f"{view.queue_position}\\."):
                _button("Up", "arrow_upward", view, actions.step, -1, is_possible=view.queue_position != 1)
                _button("Down", "arrow_downward", view, actions.step, 1, is_possible=view is not waiting[-1])
                _button("Pause" if view.run.attempts else "Hold", "pause", view, actions.hold, key="hold")
        for view in held[:MOST_ROWS]:
            with _row(view, ":gray-badge[held]"):
                _button("Release", "play_arrow", view, actions.release)
        left = len(waiting[MOST_ROWS:]) + len(held[MOST_ROWS:])
        if left:
            st.caption(f"{left:,} more; all of them: peft-studio queue list")


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
        on_click=attempt,
        args=(action, view.id, *more),
    )
