"""Home: what runs now, what needs the person, what ended lately, and whether the studio is complete."""

import streamlit as st

from app.acts import acts_of
from app.components.dependency_list import dependency_badge, dependency_problems
from app.components.run_cards import active_card, ended_table, failed_card, paused_card
from app.components.run_queue import waiting_list
from app.frame import live
from app.links import link_to_view, open_view
from app.notices import attempt
from app.remembered import dependencies, presets
from app.session import state_manager
from backend.domain.actions import replace_draft
from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.services.bundle import Services

REFRESH_SECONDS = 2.0
MAX_FAILED = 3
MAX_PAUSED = 5
MAX_ENDED = 8
DEMO = "demo"


def render(services: Services) -> None:
    """What asks for a decision first; only what runs is drawn again while something runs."""
    st.title("Home", anchor=False)
    report = dependencies(services)
    if not report.all_passed:
        dependency_problems(report)
    views = services.status.list()
    if views:
        _needs_you(services, [view for view in views if view.asks_person])
        active = tuple(view.id for view in views if view.run.is_active and not view.needs_person)
        every = REFRESH_SECONDS if active else None
        live(_active, every, "home-active")(services, active)
        _paused(services, [view for view in views if view.run.is_paused and not view.asks_person])
        _lately([view for view in views if view.run.is_over and not (view.run.is_active or view.needs_person)])
    else:
        _welcome(services)
    if report.all_passed:
        dependency_badge(report)


def _welcome(services: Services) -> None:
    with st.container(border=True, key="welcome"):
        st.header("Fine-tune your first model", anchor=False)
        st.markdown(
            "The demo makes a tiny language model and teaches it facts about islands that it has not seen. "
            "It runs **offline, on the CPU of this machine, in about a minute** (an estimate; the first time, "
            "the model itself is made as well). You watch the loss fall, then ask the model before and after. "
            "Every figure on the way is measured here, none is promised."
        )
        with st.container(horizontal=True):
            st.button(
                "Try the demo",
                type="primary",
                icon=":material/play_arrow:",
                key="home-demo",
                help="Opens Train with the demo filled in; one more click starts it.",
                on_click=attempt,
                args=(_open_demo, services),
            )
            st.button(
                "Train on my own data",
                icon=":material/upload_file:",
                key="home-train",
                on_click=open_view,
                args=("train",),
            )


def _open_demo(services: Services) -> None:
    state_manager(services).update_state(replace_draft(presets(services)[DEMO]))
    open_view("train")


def _active(services: Services, known: tuple[str, ...]) -> None:
    st.header("Running now", anchor=False)
    views = tuple(view for view in services.status.active() if not view.needs_person)
    if tuple(view.id for view in views) != known:
        st.rerun()  # a run ended or began: the rest of the page has to tell so too
    waiting = sorted((view for view in views if view.queue_position), key=lambda view: view.queue_position or 0)
    if len(waiting) == len(views):
        st.caption("Nothing is running." + ("" if waiting else " Start a run on Train, or go on with one below."))
    for view in views:
        if view not in waiting:
            active_card(view, acts_of(services))
    if waiting:
        st.header("Waiting", anchor=False)
        waiting_list(waiting)
        link_to_view("runs", "Change the order", ":material/list_alt:")


def _needs_you(services: Services, views: list[RunView]) -> None:
    if not views:
        return
    st.header("Needs you", anchor=False)
    failed = [view for view in views if view.state is RunState.FAILED]
    for view in views:
        if view not in failed:
            paused_card(view, acts_of(services), services.repairs.offer(view.id), services.repairs.apply_change)
    for view in failed[:MAX_FAILED]:
        failed_card(view, services.training.resume, services.repairs.offer(view.id), services.repairs.apply_change)
    if len(failed) > MAX_FAILED:
        label = f"All {len(failed):,} failed runs"
        link_to_view("runs", label, ":material/list_alt:", status="failed")


def _paused(services: Services, views: list[RunView]) -> None:
    if not views:
        return
    st.header("Paused", anchor=False)
    for view in views[:MAX_PAUSED]:
        paused_card(view, acts_of(services), None, services.repairs.apply_change)
    if len(views) > MAX_PAUSED:
        link_to_view("runs", f"All {len(views):,} paused runs", ":material/list_alt:", status="paused")


def _lately(ended: list[RunView]) -> None:
    if ended:
        st.header("Ended lately", anchor=False)
        ended_table(ended[:MAX_ENDED])
        link_to_view("runs", "All runs", ":material/list_alt:")
