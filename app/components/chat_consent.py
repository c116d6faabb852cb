"""Asking before a model is loaded where a run trains, and telling when a loaded one is in the way of a run."""

from collections.abc import Callable

import streamlit as st

from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.chat import ChatStatus
from backend.domain.chat_place import CPU, Verdict, sentence


def consent(
    verdict: Verdict,
    status: ChatStatus,
    agree: Callable[[], None],
    take_cpu: Callable[[], None],
    unload: Callable[[], None],
) -> None:
    """Nothing if no run is disturbed."""
    if not verdict.claims:
        return
    if not verdict.asks and status.pid is None:
        return
    holds = ""
    if status.pid is not None:
        memory = in_bytes(status.memory_bytes) if status.memory_bytes else "memory"
        holds = f" The chat program holds {memory} now."
    cost = " Chatting takes memory and time from it." if verdict.asks else ""
    box = st.warning if verdict.asks else st.info
    box(escape(sentence(verdict) + holds + cost), icon=":material/front_hand:")
    with st.container(horizontal=True, key="chat-consent"):
        if verdict.asks:
            st.button("Chat anyway", key="chat-agree", on_click=agree, help="Until other runs come along.")
            if verdict.offers_cpu:
                st.button("Chat on the processor", key="chat-take-cpu", on_click=take_cpu)
        if status.pid is not None:
            st.button("Unload the model", icon=":material/eject:", key="chat-make-way", on_click=unload)
    if verdict.asks:
        st.caption("Or wait: what you write below is kept until the run has ended.")


def make_way(status: ChatStatus, unload: Callable[[], None]) -> None:
    """Before a run is started where a chat model is loaded: what it holds there, and its unloading."""
    held = status.model_bytes or status.memory_bytes
    memory = f"{in_bytes(held)} of memory" if held else "memory"
    where = "of the machine" if status.device == CPU else f"on {escape(status.device)}"
    st.info(f"The model in Chat holds {memory} {where}, which this run may need.", icon=":material/chat:")
    st.button("Unload the chat's model", icon=":material/eject:", key="train-unload-chat", on_click=unload)
