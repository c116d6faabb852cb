"""What models answered to the same prompts, run beside run, at one step and before training."""

from collections.abc import Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.sample_texts import Answers

BESIDE = 4  # columns in a row


def samples_side_by_side(answers: Sequence[Answers], labels: Sequence[str], step: int) -> None:
    """Each prompt with the answer of each run at `step`, or the newest one before; foreign text is never markup."""
    for number, one in enumerate(answers, 1):
        with st.container(border=True, key=f"compare-sample-{number}"):
            st.caption(f"Prompt {number}")
            st.text(one.prompt or "The texts name no prompt.")
            for first in range(0, len(labels), BESIDE):
                places = range(first, min(first + BESIDE, len(labels)))
                for column, place in zip(st.columns(min(BESIDE, len(labels))), places, strict=False):
                    with column:
                        _answers(one, place, labels[place], step)


def _answers(one: Answers, place: int, label: str, step: int) -> None:
    st.markdown(f"**{escape(label)}**")
    found = one.at(place, step)
    if found is None:
        st.caption("Not asked this, or not yet.")
        return
    at, answer = found
    st.caption(_when(at, step))
    st.text(answer or "(an empty answer)")
    before = one.at(place, 0)
    if at > 0 and before is not None:
        with st.expander("Before training", key=f"compare-before-{hash(one.prompt)}-{place}"):
            st.text(before[1] or "(an empty answer)")


def _when(at: int, step: int) -> str:
    if at == 0:
        return "Before training"
    return f"Step {at:,}" if at == step else f"Step {at:,}, the last one before"
