"""What the fit advisor proposes: each change as a diff, with what it costs, what it then takes, and a button."""

from collections.abc import Callable

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.adjustments import as_diff
from backend.domain.fit_proposals import Advice, Goal, Proposal
from backend.domain.memory_fit import memory_words, range_words
from backend.domain.memory_levers import Changes
from backend.domain.run_config import RunConfig

ICONS = {Goal.FIT: ":material/compress:", Goal.FASTER: ":material/speed:"}
TITLES = {Goal.FIT: "To make it fit", Goal.FASTER: "To make it faster"}


def fit_advice(config: RunConfig, advice: Advice, apply: Callable[[Changes], None]) -> None:
    """The proposals so far; `apply` gets the changes of the one that is taken."""
    if advice.goal not in TITLES or (advice.goal is Goal.FASTER and advice.is_over and not advice.proposals):
        return
    st.subheader(TITLES[advice.goal], anchor=False)
    for number, proposal in enumerate(advice.proposals, 1):
        _proposal(config, number, proposal, apply)
    if advice.is_over and not advice.proposals:
        least = "" if advice.smallest is None else f" The least that was forecast is {range_words(advice.smallest)}."
        room = memory_words(advice.room_bytes)
        told = f"Nothing was found that fits into {room}.{least} A smaller base model, or more memory, would help."
        st.warning(escape(told), icon=":material/warning:")


def ask_button(goal: Goal, ask: Callable[[], None]) -> None:
    """For a search that nobody has asked for yet: it keeps a processor busy."""
    st.button(
        "Find what makes it fit" if goal is Goal.FIT else "Find what makes it faster",
        icon=ICONS.get(goal, ":material/search:"),
        key="train-advice-ask",
        help="Forecasts several changed orders, each some seconds of a processor. Nothing is changed by itself.",
        on_click=ask,
    )


def _proposal(config: RunConfig, number: int, proposal: Proposal, apply: Callable[[Changes], None]) -> None:
    sure = "" if proposal.is_certain else " - likely, but not surely within the room"
    with st.container(border=True):
        st.code(as_diff(config, proposal.changes), language="diff")
        st.caption(escape(f"Then it takes {range_words(proposal.forecast)} (forecast){sure}."))
        st.markdown(escape(proposal.reason))
        st.markdown(f"**Costs:** {escape(proposal.cost)}")
        st.button(
            "Apply",
            icon=":material/check:",
            key=f"train-advice-apply-{number}",
            help=escape(f"Changes the form: {proposal.words}"),
            on_click=apply,
            args=(proposal.changes,),
        )
