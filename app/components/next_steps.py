"""What to do next with a run: a sentence and a short row of buttons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from app.links import link_to_view
from backend.domain.next_steps import NextStep, next_steps, what_now
from backend.domain.run_view import RunView

Do = Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Look:
    label: str
    icon: str
    note: str = ""


_ASK_CHECKPOINT = "Ask its last checkpoint"
_LOOKS = {
    NextStep.CHAT: _Look("Ask the result", ":material/chat:", "Asks base model and tuned model the same question."),
    NextStep.COMPARE: _Look("Compare", ":material/compare_arrows:", "With the run it came from, else the one before."),
    NextStep.READ_LOG: _Look("Read its log", ":material/article:", "The newest lines of the last attempt."),
}


def draw_next_steps(view: RunView, num_waiting: int, deeds: Mapping[NextStep, Do], fix: Do | None = None) -> None:
    """`deeds` are what the buttons do; a step without a deed is not offered. Nothing for a run that just goes on.

    `fix` draws the change that may help a failed run.
    """
    told = what_now(view, num_waiting)
    steps = [step for step in next_steps(view) if step in deeds]
    if not told and not steps:
        return
    with st.container(border=True, key="next-steps"):
        st.markdown(f"**What next?** {told}")
        if fix:
            fix()
        with st.container(horizontal=True):
            for step in steps:
                look = _LOOKS[step]
                st.button(
                    _ASK_CHECKPOINT if step is NextStep.CHAT and not view.has_adapter else look.label,
                    icon=look.icon,
                    type="primary" if step is NextStep.CHAT and view.has_adapter else "secondary",
                    key=f"next-{step}",
                    help=look.note,
                    on_click=deeds[step],
                )
            if NextStep.ORDER in next_steps(view):
                link_to_view("runs", "Change the order", ":material/list_alt:")
