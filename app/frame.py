"""The error frame: what goes wrong inside is shown as a sentence with a way out, and the trace goes to the log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

import streamlit as st
from streamlit.errors import FragmentHandledException

from app.components.incident_box import incident_box
from app.errors import ViewFailed
from app.runtime import get_errors, get_timings
from app.session import has_notices, session_id
from backend.services.error_handler import Edge
from backend.services.timings import FRAGMENT

P = ParamSpec("P")
ON_THE_PAGE = Edge(present=incident_box, unexpected=ViewFailed, passes=(FragmentHandledException,), repeat=st.rerun)


@contextmanager
def error_frame(operation: str) -> Iterator[None]:
    """Show what goes wrong inside; if it could be repaired, draw the page once more instead.

    Streamlit's own stop and rerun are no errors and pass through.
    """
    subject = f"{session_id()}?{st.query_params.to_dict()}"
    with get_errors().handling(operation, ON_THE_PAGE, subject=subject):
        yield


def live(draw: Callable[P, None], every: float | None, key: str) -> Callable[P, None]:
    """The part of a page that is drawn again every so many seconds, alone; with None, only after clicks inside.

    A timer costs every open tab: one per page at most.
    """
    return st.fragment(framed(draw), run_every=every, key=key)


def framed(draw: Callable[P, None]) -> Callable[P, None]:
    """The same around a function, for the bodies of fragments, which also run without the shell.

    What a click inside told is drawn by the shell, so the whole page is drawn again for it.
    """
    name = f"{draw.__module__.rpartition('.')[2]}: {draw.__name__.strip('_').replace('_', ' ')}"

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> None:
        with error_frame(f"draw {name}"), get_timings().measure(FRAGMENT, name, session_id()):
            if has_notices():
                st.rerun()
            draw(*args, **kwargs)

    return inside
