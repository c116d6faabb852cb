"""One answer of a model: its text, how fast it came, why it ended, or what went wrong."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.durations import in_words
from app.components.error_box import error_box
from app.components.markdown_escape import escape
from backend.domain.chat import ChatPhase, FinishReason
from backend.domain.conversation import Answer
from backend.errors import Explanation

PERSON, MODEL = ":material/person:", ":material/forum:"
PHASE_WORDS = {
    None: "Waits for the chat program",
    ChatPhase.STARTING: "Starting the chat program",
    ChatPhase.LOADING: "Loading the model",
    ChatPhase.LOADED: "The model is loaded",
    ChatPhase.ADAPTING: "Putting the trained weights on",
    ChatPhase.READING: "Reading the question",
}
ENDINGS: dict[FinishReason, str] = {
    "eos": "ended by the model",
    "length": "cut at the length limit",
    "stopped": "stopped",
    "stop-string": "ended at a stop string",
}
SHORT_SECONDS = 10


def answer_card(title: str, answer: Answer | None) -> None:
    """A complete answer, or the note that there is none."""
    with st.container(border=True):
        st.markdown(f"**{escape(title)}**")
        if answer is None:
            st.caption("Not answered: the answers were stopped before it was asked, or cut off with the studio.")
            return
        if answer.text or answer.failure is None:
            draw_said(st.container(), answer.text)
        if answer.failure is not None:
            error_box(Explanation(**answer.failure.model_dump()))
        else:
            st.caption(figures(answer), help=template_note(answer))


def draw_said(place: DeltaGenerator, text: str) -> None:
    """What a model said, in a frame of its own and never as Markdown."""
    place.code(text or " ", language=None, wrap_lines=True)


def figures(answer: Answer) -> str:
    """Tokens, measured speed, time to the first token, and why it ended."""
    parts = [f"{answer.num_tokens:,} tokens"]
    if answer.tokens_per_second is not None:
        parts.append(f"{answer.tokens_per_second:,.1f} tokens per second")
    if answer.first_token_seconds is not None:
        parts.append(f"first token after {_brief(answer.first_token_seconds)}")
    parts.append(ENDINGS[answer.finish] if answer.finish is not None else "cut off")
    return escape(", ".join(parts) + ".")


def template_note(answer: Answer) -> str | None:
    """Whose chat template was used, None if that is not known."""
    return escape(f"Chat template: {answer.template}.") if answer.template else None


def _brief(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < SHORT_SECONDS else in_words(seconds)
