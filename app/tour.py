"""The first-run tour: begun on Home, kept in the session's state, told on every page."""

import streamlit as st

from app.components.tour_hint import TourActs, tour_hint
from app.drafts import with_value
from app.links import open_view
from app.notices import attempt
from app.remembered import base, presets
from app.session import state_manager
from backend.domain.actions import begin_tour, end_tour, go_on_tour, replace_draft
from backend.domain.run_view import RunView
from backend.domain.tour import Tour, TourStep
from backend.services.bundle import Services

DEMO = "demo"


def start_tour(services: Services) -> None:
    """Start the demo run, or take the one that is at work, and lead to it. For callbacks."""
    attempt(_start, services)


def show_tour(services: Services, here: str) -> None:
    """What the tour has to say on the page with the address `here`; nothing if it is off."""
    state = state_manager(services)
    tour = state.state.ui.tour
    if not tour.is_on:
        return

    def go_on(step: TourStep) -> None:
        state.update_state(go_on_tour(step))
        _lead(services, state.state.ui.tour)

    def end() -> None:
        state.update_state(end_tour)

    run = next((view for view in services.status.list() if view.id == tour.run_id), None)
    shown = st.query_params.get("run") or state.state.view.run_id or ""
    tour_hint(tour, here, run, shown, TourActs(go_on, end))


def _start(services: Services) -> None:
    active = next((view for view in services.status.active() if _is_demo(view)), None)
    run_id = active.id if active else _new_run(services)
    state_manager(services).update_state(begin_tour(run_id))
    open_view("monitor", run=run_id)


def _is_demo(view: RunView) -> bool:
    return view.run.base_model == DEMO and view.name == DEMO


def _new_run(services: Services) -> str:
    return services.training.start(services.configs.parse(presets(services)[DEMO]), base()).id


def _lead(services: Services, tour: Tour) -> None:
    """To the page of a step that has just begun."""
    if tour.step is TourStep.ASK:
        open_view("chat", run=tour.run_id)
    if tour.step is TourStep.OWN:
        state = state_manager(services)
        if not state.state.training.draft:
            preset = presets(services)[DEMO]
            state.update_state(replace_draft(with_value(with_value(preset, "dataset", None), "name", None)))
        open_view("train")
