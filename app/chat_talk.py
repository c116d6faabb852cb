"""The conversation of the Chat view: what was said, the answers as they are written, and what can be done next."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.chat_answer import MODEL, PERSON, PHASE_WORDS, answer_card, draw_said, figures
from app.components.error_box import error_box
from app.components.markdown_escape import escape
from app.notices import attempt, draw_again
from app.session import show_in_widget, widget_value
from backend.domain.chat_sides import Subject
from backend.domain.conversation import MAX_SYSTEM, Answer, Conversation, Turn, as_jsonl, as_markdown
from backend.services.bundle import Services
from backend.services.chat_desk import Table
from backend.services.chat_rounds import Place, RoundState

LOOK_SECONDS = 0.5  # a page that waits for tokens still hears clicks this often
SHOWN_TURNS = 5
NOT_NOW = "First decide above whether the chat may disturb the run."
_SYSTEM, _EDIT = "chat-system", "chat-edit-text"


def talk(services: Services, table: Table, may_ask: Callable[[], bool]) -> None:
    """Draw the conversation; `may_ask`: no run would be disturbed, or a person agreed to it."""
    subject = table.subject
    live = services.chat_desk.rounds.look(subject.key)
    conversation = services.chat_desk.conversations.load(subject)
    _system_prompt(services, subject, conversation, is_fixed=live is not None)
    past = conversation.turns[:-1] if live is not None and conversation.turns else conversation.turns
    _draw_past(past, {**conversation.titles, **table.titles})
    if failure := services.chat_desk.rounds.failure(subject.key):
        error_box(failure)
    if live is not None:
        _follow(services, conversation, live, table)
    elif conversation.turns:
        _say_unseen(table, conversation)
        _next_steps(services, table, conversation, may_ask)
    else:
        _nothing_yet(services, subject, table)


def _nothing_yet(services: Services, subject: Subject, table: Table) -> None:
    who = "All sides get" if len(table.sides) > 1 else "The model gets"
    st.caption(f"Nothing was asked yet. {who} the same question and the same seed, one after the other.")
    if services.chat_desk.conversations.can_undo(subject):
        st.button(
            "Bring the cleared conversation back",
            icon=":material/undo:",
            key="chat-undo",
            on_click=attempt,
            args=(services.chat_desk.conversations.undo, subject),
        )


def _say_unseen(table: Table, conversation: Conversation) -> None:
    for side in table.sides:
        if number := conversation.num_unseen(side.address):
            name = escape(table.titles.get(side.address, side.address))
            st.caption(f"{name} did not answer {number:,} of these questions, so it knows nothing of them.")


def _system_prompt(services: Services, subject: Subject, conversation: Conversation, *, is_fixed: bool) -> None:
    label = "System prompt" if conversation.system.strip() else "System prompt (none)"
    with st.expander(label, icon=":material/tune:", key="chat-system-box"):
        st.text_area(
            "What every side is told before the first question",
            max_chars=MAX_SYSTEM,
            key=show_in_widget(_SYSTEM, conversation.system),
            disabled=is_fixed,
            help="Counts from the next question on. Some models never saw one, and some templates refuse it.",
            on_change=lambda: attempt(services.chat_desk.instruct, subject, str(widget_value(_SYSTEM) or "")),
        )


def _draw_past(turns: Sequence[Turn], titles: Mapping[str, str]) -> None:
    hidden = len(turns) - SHOWN_TURNS
    if hidden > 0 and not st.toggle(f"Show the {hidden:,} earlier questions too", key="chat-all-turns"):
        turns = turns[-SHOWN_TURNS:]
    for turn in turns:
        _draw_question(turn)
        answers: dict[str, Answer | None] = dict(turn.answers) or {"": None}
        with st.chat_message("assistant", avatar=MODEL):
            for (side, answer), column in zip(answers.items(), st.columns(len(answers)), strict=True):
                with column:
                    answer_card(titles.get(side, side) or "No answer", answer)


def _draw_question(turn: Turn) -> None:
    with st.chat_message("user", avatar=PERSON):
        st.text(turn.question)


def _follow(services: Services, conversation: Conversation, live: RoundState, table: Table) -> None:
    """Draw answers as they are written, until all are complete or a click wants something else.

    They are written in the background: who leaves the page, or closes it, loses nothing.
    """
    titles = {**conversation.titles, **table.titles}
    _draw_question(conversation.turns[-1])
    places: dict[Place, tuple[DeltaGenerator, DeltaGenerator]] = {}
    with st.chat_message("assistant", avatar=MODEL):
        for place, column in zip(live.places, st.columns(len(live.places)), strict=True):
            with column, st.container(border=True):
                st.markdown(f"**{escape(titles.get(place[1], place[1]))}**")
                text = st.empty()
                places[place] = (st.empty(), text)
    st.button(
        "Stop",
        icon=":material/stop_circle:",
        key="chat-stop-answers",
        help="Ends the answer after the token under way; what was written is kept.",
        on_click=services.chat_desk.stop,
        args=(table.subject.key,),
    )
    state: RoundState | None = live
    while state is not None:
        for place, (notice, text) in places.items():
            _draw_live(state, place, notice, text)
        state = services.chat_desk.rounds.wait(table.subject.key, state.version, LOOK_SECONDS)
    draw_again()


def _draw_live(state: RoundState, place: Place, notice: DeltaGenerator, text: DeltaGenerator) -> None:
    answer = state.answers.get(place)
    if answer is None:
        notice.caption("Waits for its turn.")
        return
    if answer.text:
        draw_said(text, answer.text)
    if answer.failure is not None:
        notice.caption(escape(answer.failure.what))
    elif answer.finish is not None:
        notice.caption(figures(answer))
    elif state.is_stopped:
        notice.caption("Stopping ...")
    elif answer.text:
        notice.caption(f"{answer.num_tokens:,} tokens so far")
    else:
        notice.caption(f"{PHASE_WORDS[state.phase]} ...")


def _next_steps(services: Services, table: Table, conversation: Conversation, may_ask: Callable[[], bool]) -> None:
    desk, subject, last = services.chat_desk, table.subject, conversation.turns[-1]
    failed = any(answer.failure is not None for answer in last.answers.values()) or not last.answers
    is_free = may_ask()

    def again(*, with_other_seed: bool) -> None:
        if may_ask():
            attempt(lambda: desk.again(table, with_other_seed=with_other_seed))

    is_greedy = table.settings.temperature == 0
    with st.container(horizontal=True, key="chat-next"):
        if failed:
            st.button(
                "Ask again",
                icon=":material/replay:",
                key="chat-retry",
                disabled=not is_free,
                help="Starts the chat program anew if it has ended." if is_free else NOT_NOW,
                on_click=lambda: again(with_other_seed=False),
            )
        why = "Without chance another seed gives the same answer." if is_greedy else "Replaces the last answers."
        st.button(
            f"Regenerate with seed {(last.seed + 1) % 2**32}",
            icon=":material/casino:",
            key="chat-regenerate",
            disabled=is_greedy or not is_free,
            help=why if is_free else NOT_NOW,
            on_click=lambda: again(with_other_seed=True),
        )
        with st.popover("Edit the question", icon=":material/edit:", key="chat-edit"):
            _edit(services, table, last, may_ask)
        _export(conversation)
        st.button(
            "Clear the conversation",
            icon=":material/delete:",
            key="chat-clear",
            help="It can be brought back until the next one is cleared.",
            on_click=attempt,
            args=(desk.clear, subject),
        )


def _edit(services: Services, table: Table, last: Turn, may_ask: Callable[[], bool]) -> None:
    key, is_free = f"{_EDIT}-{hash(last.question)}", may_ask()

    def ask() -> None:
        if may_ask():
            attempt(services.chat_desk.ask_otherwise, table, str(widget_value(key) or ""))

    st.text_area("The last question", last.question, key=key, height=150)
    st.button(
        "Ask this instead",
        type="primary",
        key="chat-ask-otherwise",
        disabled=not is_free,
        help="Replaces the last question and its answers." if is_free else NOT_NOW,
        on_click=ask,
    )


def _export(conversation: Conversation) -> None:
    with st.popover("Export", icon=":material/download:", key="chat-export"):
        st.download_button(
            "JSONL, a conversation per side",
            lambda: as_jsonl(conversation),
            "conversation.jsonl",
            "application/jsonl",
            key="chat-export-jsonl",
            on_click="ignore",
        )
        st.download_button(
            "Markdown",
            lambda: as_markdown(conversation),
            "conversation.md",
            "text/markdown",
            key="chat-export-markdown",
            on_click="ignore",
        )
