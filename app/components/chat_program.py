"""How the model is loaded, and what the chat program holds now."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from app.components.durations import in_words
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from app.session import show_in_widget, widget_value
from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatStatus

QUANTIZATIONS = {
    "trained": "As in training",
    "none": "Full weights",
    "int8": "INT8, 8 bit",
    "nf4": "NF4, 4 bit",
    "fp4": "FP4, 4 bit",
}
DEVICES = {"auto": "The first GPU", "cpu": "The processor"}
TEMPLATES = {"auto": "The model's own", "studio": "The studio's plain one"}
Change = Callable[[Callable[[ChatSettings], ChatSettings]], None]


def loading_form(settings: ChatSettings, change: Change, *, has_gpu: bool) -> None:
    """Choices that take effect with the next question."""

    def choice(label: str, name: str, options: dict[str, str], why: str) -> None:
        key = show_in_widget(f"chat-{name}", getattr(settings, name))
        st.selectbox(
            label,
            list(options),
            key=key,
            format_func=lambda value: options[value],
            help=why,
            on_change=_changed,
            args=(name, change),
        )

    choice(
        "Weights of the base model",
        "quantization",
        QUANTIZATIONS,
        "As in training gives the answers that training saw. Fewer bits take less memory and answer a little worse; "
        "another choice loads the model anew.",
    )
    if has_gpu:
        choice("Device", "device", DEVICES, "The processor is slower, and leaves the GPU to training.")
    choice(
        "Chat template",
        "template",
        TEMPLATES,
        "How a conversation becomes text. Training used the model's own, and the studio's plain one if it had none; "
        "automatically it is the same here.",
    )


def program_card(status: ChatStatus, unload: Callable[[], None]) -> None:
    """The process and its memory as measured; how long it stays."""
    if status.pid is None:
        st.caption("No model is loaded. The first question loads it.")
        return
    for line in program_lines(status):
        st.caption(escape(line))
    st.button(
        "Unload the model",
        on_click=unload,
        icon=":material/eject:",
        key="chat-unload",
        help="Ends the chat program and frees its memory; an answer that is being written ends, too.",
    )


def program_lines(status: ChatStatus) -> list[str]:
    """What is known, in sentences."""
    memory = in_bytes(status.memory_bytes) if status.memory_bytes else "unknown memory"
    lines = [f"The chat program, process {status.pid}, takes {memory} of main memory."]
    if status.model_bytes is not None:
        kept = {"none": "in full weights"}.get(status.quantization, f"as {status.quantization}")
        weights = in_bytes(status.model_bytes)
        lines.append(f"The loaded model {kept} takes {weights} on {status.device}, measured after loading.")
    if status.idle_limit_seconds is not None:
        limit, idle = in_words(status.idle_limit_seconds), in_words(status.idle_seconds)
        lines.append(f"It is unloaded after {limit} without a question; the last answer ended {idle} ago.")
    return lines


def _changed(name: str, change: Change) -> None:
    value = widget_value(f"chat-{name}")
    if value is not None:
        change(lambda now: replace(now, **{name: value}))
