"""What a click did, or why it could not, told at the top of the page that is drawn next."""

from collections.abc import Callable

import streamlit as st

from app.components.incident_box import incident_box
from app.components.markdown_escape import escape
from app.errors import ClickFailed
from app.runtime import get_errors
from app.session import add_notice, keep_taken_notices, session_id, take_notices
from backend.domain.incident import Incident, from_notice
from backend.errors import Action
from backend.services.error_handler import Edge


def _keep(incident: Incident) -> None:
    add_notice(incident.to_notice())


AT_A_CLICK = Edge(present=_keep, unexpected=ClickFailed)


def attempt(action: Callable[..., object], *args: object) -> None:
    """Do what a button stands for; an error becomes a notice. `on_click=attempt, args=(stop, run_id)`.

    Streamlit runs callbacks before the page, outside of the shell's error frame.
    """
    name = getattr(action, "__name__", type(action).__name__).strip("_").replace("_", " ")
    with get_errors().handling(f"click: {name}", AT_A_CLICK, subject=session_id()):
        action(*args)


def say(sentence: str) -> None:
    """Tell that something was done."""
    add_notice({"said": sentence})


def draw_again() -> None:
    """Draw the page anew without anybody's click: what it told still stands there afterwards."""
    keep_taken_notices()
    st.rerun()


def draw_notices() -> None:
    """Draw what was kept, once."""
    for notice in take_notices():
        if "said" in notice:
            st.success(escape(notice["said"]), icon=":material/check_circle:")
        else:
            incident_box(from_notice(notice), but_for=(Action.TRY_AGAIN,))  # the click is gone; the button is there
