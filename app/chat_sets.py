"""Prompt sets of the Chat view: choose or make a list of prompts, put it to every side, look at the answers."""

from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.chat_talk import LOOK_SECONDS, NOT_NOW
from app.components.chat_answer import PHASE_WORDS
from app.components.chat_results import judge_blind, result_title, results_table, speeds
from app.components.error_box import error_box
from app.components.markdown_escape import escape
from app.notices import attempt, draw_again, say
from app.session import widget_value
from backend.domain.prompt_lists import from_file, from_lines
from backend.domain.prompt_results import PromptResult, as_jsonl, as_markdown
from backend.services.bundle import Services
from backend.services.chat_desk import Table, set_key
from backend.services.chat_errors import PromptSetMissing, PromptSetRefused
from backend.services.chat_rounds import RoundState

MOST_RESULTS = 100
UPLOAD_MEGABYTES = 5
TABLE, BLIND = "Table with names", "Judge two blind"
_SET, _RESULT = "set", "result"
_NAME, _TEXT, _FILE = "chat-set-name", "chat-set-text", "chat-set-file"


def prompt_sets(services: Services, table: Table, may_ask: Callable[[], bool]) -> None:
    """The chosen set, what runs now, and one result."""
    live = services.chat_desk.rounds.look(set_key(table.subject))
    with st.container(border=True, key="chat-set"):
        _choose(services, table, may_ask, is_busy=live is not None)
    if failure := services.chat_desk.rounds.failure(set_key(table.subject)):
        error_box(failure)
    if live is not None:
        _follow(services, table, live)  # until it is over, or a click wants something else
    _results(services)


def _choose(services: Services, table: Table, may_ask: Callable[[], bool], *, is_busy: bool) -> None:
    names = services.chat_desk.prompts.names()
    asked = st.query_params.get(_SET)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Prompt set",
            names,
            index=names.index(asked) if asked in names else 0,
            key=f"chat-set-{asked}",
            help="A list of prompts; each is a conversation of its own.",
        )
        with st.popover("New set", icon=":material/playlist_add:", key="chat-set-new"):
            _new_set(services)
        if services.chat_desk.prompts.is_own(name):
            with st.popover("Delete", icon=":material/delete:", key="chat-set-delete"):
                st.text(name)
                st.button(
                    "Move it to the trash", key="chat-set-delete-yes", on_click=_delete_set, args=(services, name)
                )
    if st.query_params.get(_SET) != name:
        st.query_params[_SET] = name
    prompts = services.chat_desk.prompts.read(name)
    with st.expander(f"The {len(prompts):,} prompts", key="chat-set-prompts"):
        for number, prompt in enumerate(prompts[:50], start=1):
            st.text(f"{number}. {prompt}")
        if len(prompts) > 50:  # noqa: PLR2004 - enough to know the set by
            st.caption(f"And {len(prompts) - 50:,} more.")
    total = len(prompts) * len(table.sides)
    is_free = may_ask()

    def run() -> None:
        if may_ask():
            attempt(_put, services, table, name)

    st.button(
        f"Put {len(prompts):,} prompts to {len(table.sides)} {'side' if len(table.sides) == 1 else 'sides'}",
        type="primary",
        icon=":material/play_arrow:",
        key="chat-set-run",
        disabled=is_busy or not is_free,
        help=f"{total:,} answers, one after another, with the same seed." if is_free else NOT_NOW,
        on_click=run,
    )


def _put(services: Services, table: Table, name: str) -> None:
    system = services.chat_desk.conversations.load(table.subject).system
    st.query_params[_RESULT] = services.chat_desk.put_set(table, name, system)


def _new_set(services: Services) -> None:
    st.text_input("Name", key=_NAME, max_chars=64, help="Lower-case letters, digits and hyphens.")
    st.text_area("Prompts, one per line", key=_TEXT, height=160)
    st.file_uploader(
        "Or a file",
        ["yaml", "yml", "jsonl", "txt"],
        key=_FILE,
        max_upload_size=UPLOAD_MEGABYTES,
        help="A YAML list, JSONL with a prompt in each line, or text with a prompt per line.",
    )
    st.button("Keep the set", type="primary", key="chat-set-keep", on_click=attempt, args=(_keep_set, services))


def _keep_set(services: Services) -> None:
    name, file = str(widget_value(_NAME) or "").strip(), widget_value(_FILE)
    try:
        prompts = from_file(file.name, file.getvalue()) if file else from_lines(str(widget_value(_TEXT) or ""))
    except ValueError as error:
        raise PromptSetRefused(reason=error) from error
    services.chat_desk.prompts.write(name, prompts)
    st.query_params[_SET] = name
    say(f"The prompt set {name} is kept.")


def _delete_set(services: Services, name: str) -> None:
    attempt(services.chat_desk.prompts.delete, name)
    if _SET in st.query_params:
        del st.query_params[_SET]


def _follow(services: Services, table: Table, live: RoundState) -> None:
    key = set_key(table.subject)
    bar, words = st.empty(), st.empty()
    st.button(
        "Stop",
        icon=":material/stop_circle:",
        key="chat-stop-set",
        help="Ends the answer that is being written; what was answered is kept.",
        on_click=services.chat_desk.stop,
        args=(key,),
    )
    state: RoundState | None = live
    while state is not None:
        _draw_progress(state, table, bar, words)
        state = services.chat_desk.rounds.wait(key, state.version, LOOK_SECONDS)
    draw_again()


def _draw_progress(state: RoundState, table: Table, bar: DeltaGenerator, words: DeltaGenerator) -> None:
    total = len(state.places)
    bar.progress(state.num_done / total, f"{state.num_done:,} of {total:,} answers")
    if state.is_stopped:
        words.caption("Stopping ...")
    elif state.current is not None:
        row, side = state.current
        answer = state.answers[state.current]
        doing = f"{answer.num_tokens:,} tokens so far" if answer.text else PHASE_WORDS[state.phase]
        words.caption(escape(f"Prompt {row + 1}, {table.titles.get(side, side)}: {doing}"))


def _results(services: Services) -> None:
    ids = services.chat_desk.prompts.results()[:MOST_RESULTS]
    if not ids:
        st.caption("No set was put to models yet. The answers are kept here, to look at, judge and export.")
        return
    st.header("Answers", anchor=False)
    asked = st.query_params.get(_RESULT)
    chosen = st.selectbox(
        "Result",
        ids,
        index=ids.index(asked) if asked in ids else 0,
        key=f"chat-result-{asked if asked in ids else ids[0]}",
        format_func=result_title,
        help="Newest first. Times are UTC.",
    )
    if st.query_params.get(_RESULT) != chosen:
        st.query_params[_RESULT] = chosen
    try:
        result = services.chat_desk.prompts.result(chosen)
    except PromptSetMissing as error:
        error_box(error.explain())
        return
    _result(services, result)


def _result(services: Services, result: PromptResult) -> None:
    total = len(result.prompts) * len(result.sides)
    if result.num_answers < total:
        st.caption(f"{result.num_answers:,} of {total:,} answers; the rest was not asked.")
    look = st.segmented_control("Look at them", [TABLE, BLIND], default=TABLE, key="chat-look", required=True)
    if look == BLIND:
        judge_blind(result, partial(attempt, services.chat_desk.vote, result.id))
        return
    results_table(result)
    for line in speeds(result):
        st.caption(escape(line))
    _result_actions(services, result)


def _result_actions(services: Services, result: PromptResult) -> None:
    with st.container(horizontal=True, key="chat-result-actions"):
        for label, make, ending, mime in (
            ("JSONL", as_jsonl, "jsonl", "application/jsonl"),
            ("Markdown", as_markdown, "md", "text/markdown"),
        ):
            st.download_button(
                label,
                partial(make, result),
                f"{result.id}.{ending}",
                mime,
                icon=":material/download:",
                key=f"chat-result-{ending}",
                on_click="ignore",
                help=f"Save all answers as {label}.",
            )
        with st.popover("Delete", icon=":material/delete:", key="chat-result-delete"):
            st.text(result_title(result.id))
            st.button(
                "Move the answers to the trash",
                key="chat-result-delete-yes",
                on_click=attempt,
                args=(services.chat_desk.prompts.delete_result, result.id),
            )
