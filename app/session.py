"""The one place that touches st.session_state, in which only built-in values are kept."""

from typing import Any
from uuid import uuid4

import streamlit as st

from backend.services.bundle import Services
from backend.services.state_manager import StateManager

_SESSION_ID = "studio-session-id"
_NOTICES, _TAKEN = "studio-notices", "studio-notices-taken"


def session_id() -> str:
    """What this browser session is called, for as long as its tab is not loaded again."""
    if _SESSION_ID not in st.session_state:
        st.session_state[_SESSION_ID] = uuid4().hex
    return str(st.session_state[_SESSION_ID])


def state_manager(services: Services) -> StateManager:
    """The owner of this browser session's ApplicationState."""
    return services.states.of(session_id())


def show_in_widget(key: str, value: object) -> str:
    """Have the widget of this key show a value when it is drawn next; returns the key.

    For widgets that mirror a state: call it before the widget, and give the widget no value of its own.
    """
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
    return key


def widget_value(key: str) -> Any:  # noqa: ANN401 - widgets have values of any type
    """What a widget holds now, None if it is not drawn; for callbacks, which run before it is drawn again."""
    return st.session_state.get(key)


def note(key: str, value: object) -> None:
    """Keep a built-in value of this session under a key that no widget has."""
    st.session_state[key] = value


def noted(key: str) -> Any:  # noqa: ANN401 - whatever was noted
    """What was noted last under a key, None at first."""
    return st.session_state.get(key)


def count_up(key: str) -> None:
    """Add one to a counter of this session."""
    st.session_state[key] = count(key) + 1


def count(key: str) -> int:
    """A counter of this session, 0 at first; in a widget's key, it makes a new widget when it changes."""
    return int(st.session_state.get(key, 0))


def add_notice(notice: dict[str, str]) -> None:
    """Keep a notice until the next page is drawn; one that says what another says already is none."""
    waiting = st.session_state.get(_NOTICES, [])
    st.session_state[_NOTICES] = waiting if notice in waiting else [*waiting, notice]


def has_notices() -> bool:
    """Whether some wait to be drawn."""
    return bool(st.session_state.get(_NOTICES))


def take_notices() -> list[dict[str, str]]:
    """The kept notices, which are then forgotten, unless `keep_taken_notices` is called before the next click."""
    found: list[dict[str, str]] = st.session_state.pop(_NOTICES, [])
    st.session_state[_TAKEN] = found
    return found


def keep_taken_notices() -> None:
    """Have those that were taken last drawn once more."""
    for notice in st.session_state.get(_TAKEN, []):
        add_notice(notice)
