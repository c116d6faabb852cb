"""A word in the corner, once, when a run ends that was at work while this browser session was open."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.session import note, noted
from backend.domain.run_view import RunView
from backend.domain.states import RunState

MOST_TOLD = 3
MOST_KEPT = 20
_SEEN, _TOLD = "studio-active-runs", "studio-told-endings"
_ICONS = {
    RunState.FINISHED: ":material/check_circle:",
    RunState.STOPPED: ":material/stop_circle:",
    RunState.FAILED: ":material/error:",
    RunState.PAUSED: ":material/pause_circle:",
}
_WORDS = {RunState.FINISHED: "has finished", RunState.STOPPED: "was stopped", RunState.FAILED: "has failed"}


def tell_of_endings(active: Sequence[RunView], every: Callable[[], Sequence[RunView]]) -> Sequence[Mapping[str, str]]:
    """`active` are the runs at work now; `every` is asked only if one of those seen before is not among them.

    Gives the newest of all that was told in this session, each as a plain `text` and an `id`.
    """
    told = list(noted(_TOLD) or [])
    now = [view.id for view in active]
    gone = set(noted(_SEEN) or []) - set(now)
    note(_SEEN, now)
    if not gone:
        return told
    ended = [view for view in every() if view.id in gone and (view.run.is_over or view.asks_person)]
    for view in ended[:MOST_TOLD]:
        words = _WORDS.get(view.state, "is paused, and needs you")
        st.toast(f"{escape(view.name)} {words}.", icon=_ICONS[view.state], duration="long")
        told.append({"id": f"{view.id} {view.run.updated_at.isoformat()}", "text": f"{view.name} {words}."})
    if len(ended) > MOST_TOLD:
        st.toast(f"{len(ended) - MOST_TOLD:,} more runs have ended.", icon=":material/list_alt:")
    note(_TOLD, told[-MOST_KEPT:])
    return told[-MOST_KEPT:]
