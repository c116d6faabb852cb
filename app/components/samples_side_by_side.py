"""What models answered to the same prompts, run beside run, at one step and before training."""

from collections.abc import Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.sample_texts import Answers

BESIDE = 4  # columns in a row
EMPTY = "(an empty answer)"


def samples_side_by_side(answers: Sequence[Answers], labels: Sequence[str], step: int) -> None:
    """Each prompt with the answer of each run at `step`, or the newest one before; foreign text is never markup."""
    for number, one in enumerate(answers, 1):
        with st.container(border=True, key=f"compare-sample-{number}"):
            st.caption(f"Prompt {number}")
            st.text(one.prompt or "The texts name no prompt.")
            is_told = _before_all(one, len(labels))
            for first in range(0, len(labels), BESIDE):
                places = range(first, min(first + BESIDE, len(labels)))
                for column, place in zip(st.columns(min(BESIDE, len(labels))), places, strict=False):
                    with column:
                        _answers(one, place, labels[place], step, is_before_told=is_told)


def _before_all(one: Answers, num_runs: int) -> bool:
    """The answer before training, once, if all runs that were asked then gave the same: their base model's."""
    before = {found[1] for place in range(num_runs) if (found := one.at(place, 0))}
    if num_runs > 1 and len(before) == 1:
        st.caption("Before training, all alike")
        st.text(next(iter(before)) or EMPTY)
    return num_runs > 1 and len(before) == 1


def _answers(one: Answers, place: int, label: str, step: int, *, is_before_told: bool) -> None:
    st.markdown(f"**{escape(label)}**")
    found = one.at(place, step)
    if found is None:
        st.caption("Not asked this, or not yet.")
        return
    at, answer = found
    st.caption(_when(at, step))
    st.text(answer or EMPTY)
    before = one.at(place, 0)
    if at > 0 and before is not None and not is_before_told:
        st.caption("Before training")
        st.text(before[1] or EMPTY)


def _when(at: int, step: int) -> str:
    if at == 0:
        return "Before training"
    return f"Step {at:,}" if at == step else f"Step {at:,}, the last one before"
