"""What a click did, or why it could not, told at the top of the page that is drawn next."""

from collections.abc import Callable
from dataclasses import asdict

import streamlit as st

from app.components.error_box import error_box
from app.components.markdown_escape import escape
from app.session import add_notice, take_notices
from backend.errors import Explanation, StudioError


def attempt(action: Callable[..., object], *args: object) -> None:
    """Do what a button stands for; a StudioError becomes a notice. `on_click=attempt, args=(stop, run_id)`.

    Streamlit runs callbacks before the page, outside of the shell's error frame.
    """
    try:
        action(*args)
    except StudioError as error:
        add_notice(asdict(error.explain()))


def say(sentence: str) -> None:
    """Tell that something was done."""
    add_notice({"said": sentence})


def draw_notices() -> None:
    """Draw what was kept, once."""
    for notice in take_notices():
        if "said" in notice:
            st.success(escape(notice["said"]), icon=":material/check_circle:")
        else:
            error_box(Explanation(**notice))
