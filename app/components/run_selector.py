"""Choosing one run, kept in the address as ?run=ID."""

from collections.abc import Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.run_view import RunView


def select_run(views: Sequence[RunView], remembered: str | None, label: str = "Run") -> str:
    """The id in the address, else the remembered one, else the one that runs, else the newest.

    An id that no run has is said so, and the next best is taken.
    """
    known = {view.id: view for view in views}
    asked = st.query_params.get("run")
    if asked is not None and asked not in known:
        st.warning(
            f"There is no run with the id {escape(asked[:80])}; it may have been deleted.",
            icon=":material/warning:",
        )
        asked = None
    running = next((view.id for view in views if view.run.is_active), None)
    first = asked or (remembered if remembered in known else None) or running or views[0].id
    ids = list(known)
    chosen = st.selectbox(
        label,
        ids,
        index=ids.index(first),
        format_func=lambda run_id: f"{known[run_id].name} ({known[run_id].state.value}, {run_id})",
        key=f"select-{label}-{first}",
    )
    if st.query_params.get("run") != chosen:
        st.query_params["run"] = chosen
    return chosen
