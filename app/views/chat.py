"""Chat: the base model and a run's tuned model answer the same question."""

import streamlit as st

from app.components.chat_answer import draw_answer, draw_said
from app.components.markdown_escape import escape
from app.components.run_selector import select_run
from app.links import link_to_view
from app.notices import attempt
from app.session import state_manager
from backend.domain.actions import open_run, set_chat
from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatMessage, Sampling
from backend.services.bundle import Services
from backend.services.playground import Exchange, Side
from backend.services.state_manager import StateManager

TITLES: dict[Side, str] = {"base": "Base model", "tuned": "Tuned model"}


def render(services: Services) -> None:
    """The run of ?run=ID, or the one that was open, or the newest with an adapter."""
    st.title("Chat", anchor=False)
    views = [view for view in services.status.list() if view.has_adapter]
    if not views:
        st.info(
            "There is no tuned model to ask yet. Train one; its adapter is written at the end of the run.",
            icon=":material/info:",
        )
        link_to_view("train", "Start a run", ":material/play_arrow:")
        return
    state = state_manager(services)
    run_id = select_run(views, state.state.view.run_id, "Tuned model")
    state.update_state(open_run(run_id))
    settings = _settings(state)
    history = services.playground.history(run_id)
    if not history:
        st.caption("Each question is asked on its own, with the same seed for both sides. What is said here is kept.")
    for exchange in history:
        _draw(exchange)
    words = "Ask both models" if settings.is_base_shown else "Ask the tuned model"
    question = st.chat_input(words, key="chat-question")
    if question:
        _ask(services, run_id, question, settings)
    with st.sidebar:
        _process(services, run_id)  # last, because answering loads a model


def _settings(state: StateManager) -> ChatSettings:
    known = state.state.ui.chat
    with st.sidebar:
        st.subheader("Answers", anchor=False)
        is_base_shown = st.toggle("Ask the base model too", known.is_base_shown, key="chat-base")
        temperature = st.slider(
            "Temperature",
            0.0,
            2.0,
            known.temperature,
            0.05,
            key="chat-temperature",
            help="0 always takes the likeliest token.",
        )
        top_p = st.slider("Top p", 0.05, 1.0, known.top_p, 0.05, key="chat-top-p", help="Leaves out unlikely tokens.")
        length = st.number_input("Longest answer, in tokens", 1, 8192, known.max_new_tokens, key="chat-length")
    settings = ChatSettings(int(length), float(temperature), float(top_p), is_base_shown)
    if settings != known:
        state.update_state(set_chat(settings))
    return settings


def _process(services: Services, run_id: str) -> None:
    status = services.chat.status()
    if status.pid is not None:
        memory = f"{status.memory_bytes / 2**20:,.0f} MiB" if status.memory_bytes else "memory unknown"
        st.caption(f"The chat program is process {status.pid} and holds {memory}.")
        st.button(
            "Unload the model",
            on_click=attempt,
            args=(services.chat.unload,),
            icon=":material/eject:",
            key="chat-unload",
        )
    else:
        st.caption("No model is loaded. The first question loads it.")
    st.button(
        "Clear the conversation",
        on_click=attempt,
        args=(services.playground.forget, run_id),
        icon=":material/delete:",
        key="chat-clear",
    )


def _ask(services: Services, run_id: str, question: str, settings: ChatSettings) -> None:
    sampling = Sampling(max_new_tokens=settings.max_new_tokens, temperature=settings.temperature, top_p=settings.top_p)
    sides: tuple[Side, ...] = ("base", "tuned") if settings.is_base_shown else ("tuned",)
    with st.chat_message("user"):
        st.text(question)
    answers: dict[Side, str | None] = {}
    with st.chat_message("assistant"):
        for side, column in zip(sides, st.columns(len(sides)), strict=True):
            with column:
                messages = (ChatMessage(role="user", content=question),)
                answers[side] = draw_answer(TITLES[side], services.playground.ask(run_id, side, messages, sampling))
    if answers["tuned"] is not None:
        services.playground.remember(run_id, Exchange(question, answers.get("base"), answers["tuned"]))


def _draw(exchange: Exchange) -> None:
    with st.chat_message("user"):
        st.text(exchange.question)
    said = [(TITLES["base"], exchange.base)] if exchange.base is not None else []
    said.append((TITLES["tuned"], exchange.tuned))
    with st.chat_message("assistant"):
        for (title, text), column in zip(said, st.columns(len(said)), strict=True):
            with column:
                st.markdown(f"**{escape(title)}**")
                draw_said(st.empty(), text)
