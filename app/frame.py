"""The error frame: what goes wrong inside is shown as a sentence, and the trace goes to the log."""

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st
from streamlit.errors import FragmentHandledException

from app.components.error_box import error_box
from app.errors import ViewFailed
from app.session import has_notices
from backend.errors import StudioError

P = ParamSpec("P")


@contextmanager
def error_frame() -> Iterator[None]:
    """Show what goes wrong inside. Streamlit's own stop and rerun are no errors and pass through."""
    try:
        yield
    except FragmentHandledException:
        raise
    except StudioError as error:
        logging.getLogger(__name__).warning("shown to a person: %s", error)
        error_box(error.explain())
    except Exception:  # the outermost frame of a page
        incident = secrets.token_hex(4)
        logging.getLogger(__name__).exception("a view failed, incident %s", incident)
        error_box(ViewFailed(incident=incident).explain())


def live(draw: Callable[P, None], every: float | None, key: str) -> Callable[P, None]:
    """The part of a page that is drawn again every so many seconds, alone; with None, only after clicks inside.

    Each costs every open tab: two per page at most.
    """
    return st.fragment(framed(draw), run_every=every, key=key)


def framed(draw: Callable[P, None]) -> Callable[P, None]:
    """The same around a function, for the bodies of fragments, which also run without the shell.

    What a click inside told is drawn by the shell, so the whole page is drawn again for it.
    """

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> None:
        with error_frame():
            if has_notices():
                st.rerun()
            draw(*args, **kwargs)

    return inside
