"""One setting as a card: its value in a control, who gave it, when a change takes effect, and the way back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st

from app.components.markdown_escape import escape
from app.components.parameter_input import Change, parameter_input
from app.components.sizes import in_bytes
from backend.domain.setting_state import SettingState
from backend.spec import Parameter
from config.setting_fields import Effect
from config.setting_layers import Source

MANY = 100_000  # from here on digits are grouped; ports are not
Color = Literal["gray", "blue", "violet", "orange"]
_SOURCES: dict[Source, Color] = {
    Source.DEFAULT: "gray",
    Source.PROFILE: "violet",
    Source.FILE: "blue",
    Source.HERE: "orange",
    Source.DOTENV: "orange",
    Source.VARIABLE: "orange",
    Source.COMMAND: "orange",
}
_EFFECTS = {
    Effect.NOW: ":material/bolt:",
    Effect.NEXT_RUN: ":material/model_training:",
    Effect.NEXT_CHAT: ":material/chat:",
    Effect.NEXT_START: ":material/restart_alt:",
}


@dataclass(frozen=True, slots=True)
class SettingActs:
    """What can be done: `change(key, value)`, where None stands for the default, and `reset(key)`."""

    change: Change
    reset: Callable[[str], None]


def setting_card(state: SettingState, acts: SettingActs, typed: object = None, problems: Sequence[str] = ()) -> None:
    """Draw it; `typed` is what a person wrote that could not be used, with its `problems`."""
    with st.container(border=True, key=f"setting-{state.key.replace('.', '-')}"):
        words, control = st.columns([3, 2], gap="medium")
        with words:
            _words(state)
        with control:
            _control(state, acts, typed, problems)


def _words(state: SettingState) -> None:
    st.markdown(f"**{escape(state.key)}**")
    st.caption(escape(state.parameter.help))
    with st.container(horizontal=True, gap="small"):
        st.badge(state.source.value, color=_SOURCES[state.source], icon=":material/source:")
        st.badge(f"takes effect {state.effect.value}", color="gray", icon=_EFFECTS[state.effect])
    if state.fixed:
        st.caption(f":material/lock: {escape(state.fixed)}")
    elif state.origin:
        st.caption(f"From {escape(state.origin)}")


def _control(state: SettingState, acts: SettingActs, typed: object, problems: Sequence[str]) -> None:
    if state.fixed:
        key = f"fixed-{state.key}"
        st.text_input(state.parameter.label, in_words(state.value), disabled=True, key=key)
    else:
        value = (state.pending if state.is_pending else state.value) if typed is None else typed
        bare = replace(state.parameter, help="")  # which stands beside it
        parameter_input(bare, f"settings.{state.key}", value, acts.change, problems)
    for line in _below(state):
        st.caption(escape(line))
    if state.is_kept and not state.fixed:
        st.button(
            "Reset to default",
            key=f"reset-{state.key}",
            icon=":material/undo:",
            help=f"Takes {escape(state.key)} out of studio.toml.",
            on_click=acts.reset,
            args=(state.key,),
        )


def _below(state: SettingState) -> list[str]:
    value = state.pending if state.is_pending else state.value
    lines = []
    if state.key.endswith("_bytes") and isinstance(value, int):
        lines.append(in_bytes(value))
    if not state.is_default:
        lines.append(f"The default is {in_words(state.default)}")
    if allowed := bounds(state.parameter):
        lines.append(allowed)
    if state.is_pending:
        lines.append(f"Until the next start it is {in_words(state.value)}")
    return lines


def bounds(parameter: Parameter) -> str:
    """What a number may be, in words; "" where everything goes."""
    low, high = parameter.minimum, parameter.maximum
    from_ = "" if low is None else f"{'above' if parameter.is_minimum_open else 'at least'} {low:,g}"
    until = "" if high is None else f"{'below' if parameter.is_maximum_open else 'at most'} {high:,g}"
    return " and ".join(filter(None, (from_, until))).capitalize()


def in_words(value: object) -> str:
    """A value of JSON as a person writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int) and value >= MANY:
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value in ("", None) else str(value)
