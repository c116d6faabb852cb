"""An error as somebody met it: its box, and below it the way out and the way to more about it."""

import streamlit as st

from app.components.error_box import error_box
from app.links import has_page, link_to_view
from backend.domain.incident import Incident
from backend.errors import Action

PAGES = {
    Action.OPEN_RUN: ("monitor", "Open the run", ":material/monitoring:"),
    Action.OPEN_RUNS: ("runs", "Look at all runs", ":material/list_alt:"),
    Action.OPEN_DATASETS: ("datasets", "Open Datasets", ":material/dataset:"),
    Action.OPEN_MODELS: ("models", "Open Models", ":material/deployed_code:"),
    Action.OPEN_MACHINE: ("machine", "Open Machine", ":material/memory:"),
    Action.OPEN_SETTINGS: ("settings", "Open Settings", ":material/settings:"),
}


def incident_box(incident: Incident, but_for: tuple[Action, ...] = ()) -> None:
    """Draw it; offers in `but_for`, and links to pages that cannot be reached now, are left out."""
    error_box(incident.error, incident.id)
    if incident.details:
        with st.expander("Details for developers"):
            st.code(incident.details, language=None)
    with st.container(horizontal=True, vertical_alignment="center", key=f"incident-{incident.id}"):
        if incident.action and incident.action not in but_for:
            _offer(Action(incident.action), incident)
        if has_page("errors"):
            link_to_view("errors", "More about this error", ":material/help:", error=incident.error.id)


def _offer(action: Action, incident: Incident) -> None:
    if action is Action.TRY_AGAIN:
        st.button("Try again", icon=":material/refresh:", key=f"try-again-{incident.id}")
        return
    page, label, icon = PAGES[action]
    if has_page(page) and (action is not Action.OPEN_RUN or incident.subject):
        query = {"run": incident.subject} if action is Action.OPEN_RUN else {}
        link_to_view(page, label, icon, **query)
