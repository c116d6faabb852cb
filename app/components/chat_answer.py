"""One answer as it is written: progress before it, text as it comes, figures or an error after it."""

from collections.abc import Iterator

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.durations import in_words
from app.components.error_box import error_box
from backend.domain.chat import ChatEvent, ChatPhase, Done, Failed, Progress, Token

PHASE_WORDS = {
    ChatPhase.STARTING: "Starting the chat program",
    ChatPhase.LOADING: "Loading the model",
    ChatPhase.ADAPTING: "Putting the adapter on",
    ChatPhase.READING: "Reading the question",
}
_ENDINGS = {"eos": "ended by the model", "length": "cut at the length limit", "stopped": "stopped"}


def draw_answer(title: str, events: Iterator[ChatEvent]) -> str | None:
    """Draw the events as they arrive; the whole text, or None if there was no answer."""
    st.markdown(f"**{title}**")
    notice, text = st.empty(), st.empty()
    said: list[str] = []
    for event in events:
        match event:
            case Progress(phase=phase, detail=detail):
                notice.caption(PHASE_WORDS[phase] + " ...", help=detail or None)
            case Token(text=piece):
                said.append(piece)
                draw_said(text, "".join(said))
            case Done():
                notice.caption(_figures(event))
                draw_said(text, "".join(said))
                return "".join(said)
            case Failed(error=error):
                with notice:
                    error_box(error)
    return None


def draw_said(place: DeltaGenerator, text: str) -> None:
    """What a model said, in a frame of its own and never as Markdown."""
    place.code(text or " ", language=None, wrap_lines=True)


def _figures(done: Done) -> str:
    speed = f", {done.num_tokens / done.seconds:,.0f} tokens per second" if done.seconds > 0 else ""
    return f"{done.num_tokens} tokens in {in_words(done.seconds)}{speed}, {_ENDINGS[done.finish_reason]}"
