"""Home: what runs now, what needs the person, what ended lately, and whether the studio is complete."""

import streamlit as st

from app.acts import acts_of
from app.components.dependency_list import dependency_badge, dependency_problems
from app.components.draft_banner import clock_time, summary
from app.components.machine_line import machine_line
from app.components.markdown_escape import escape
from app.components.run_cards import active_card, ended_table, failed_card, paused_card, stuck_card
from app.components.run_queue import waiting_list
from app.components.sizes import in_bytes
from app.components.welcome import welcome
from app.frame import live
from app.links import link_to_view, open_view
from app.notices import draw_again
from app.remembered import dependencies
from app.session import state_manager, widget_value
from app.tour import start_tour
from backend.domain.queue import waits_in_vain
from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.services.bundle import Services

REFRESH_SECONDS = 2.0
MAX_ACTIVE = 6
MAX_FAILED = 3
MAX_PAUSED = 5
MAX_ENDED = 8
ENDED = "home-ended"


def render(services: Services) -> None:
    """What asks for a decision first; only what runs is drawn again while something runs."""
    st.title("Home", anchor=False)
    report = dependencies(services, services.installs.num_done)
    if not report.all_passed:
        dependency_problems(report)
    views = services.status.list()
    if views:
        _needs_you(services, views)
        active = tuple(view.id for view in views if view.run.is_active and not view.needs_person)
        every = REFRESH_SECONDS if active else None
        live(_active, every, "home-active")(services, active)
        _paused(services, [view for view in views if view.run.is_paused and not view.asks_person])
        _lately(
            services, [view for view in views if view.run.is_over and not (view.run.is_active or view.needs_person)]
        )
        _again(services)
    else:
        welcome(lambda: start_tour(services))
        _draft(services)
        st.caption(escape(machine_line(services.hardware.snapshot())))
    if report.all_passed:
        dependency_badge(report)


def _active(services: Services, known: tuple[str, ...]) -> None:
    st.header("Running now", anchor=False)
    views = tuple(view for view in services.status.active() if not view.needs_person)
    if tuple(view.id for view in views) != known:
        draw_again()  # a run ended or began: the rest of the page has to tell so too
    waiting = sorted((view for view in views if view.queue_position), key=lambda view: view.queue_position or 0)
    at_work = [view for view in views if not view.queue_position]
    if not at_work:
        st.caption("Nothing is running." + ("" if waiting else " Start a run on Train, or go on with one below."))
    for view in at_work[:MAX_ACTIVE]:
        active_card(services.reports.report(view), acts_of(services))
    if len(at_work) > MAX_ACTIVE:
        link_to_view("runs", f"All {len(at_work):,} runs at work", ":material/list_alt:", status="active")
    if waiting:
        st.header("Waiting", anchor=False)
        waiting_list(waiting)
        link_to_view("runs", "Change the order", ":material/list_alt:")
    st.caption(escape(machine_line(services.hardware.snapshot())))


def _needs_you(services: Services, views: tuple[RunView, ...]) -> None:
    """Only what a person has to do something about; nothing at all if there is nothing."""
    asking = [view for view in views if view.asks_person]
    known = {view.id: view.run for view in views}
    stuck = [view for view in views if waits_in_vain(view.run, known.get(view.run.after))]
    shortage = services.disk.shortage()
    if asking or stuck or shortage:
        st.header("Needs you", anchor=False)
    if shortage:
        st.warning(
            f"The disk of the workspace has {in_bytes(shortage.free_bytes)} free; runs pause before less than "
            f"{in_bytes(shortage.min_free_bytes)} would be left. Machine shows what takes the room.",
            icon=":material/hard_drive:",
        )
    _asking(services, asking)
    for view in stuck[:MAX_FAILED]:
        stuck_card(view)
    _draft(services)


def _asking(services: Services, views: list[RunView]) -> None:
    failed = [view for view in views if view.state is RunState.FAILED]
    paused = [view for view in views if view.state is not RunState.FAILED]
    for view in paused[:MAX_PAUSED]:
        paused_card(view, acts_of(services), services.repairs.offer(view.id), services.repairs.apply_change)
    if len(paused) > MAX_PAUSED:
        link_to_view("runs", f"All {len(paused):,} paused runs that need you", ":material/list_alt:", status="paused")
    for view in failed[:MAX_FAILED]:
        failed_card(view, services.training.resume, services.repairs.offer(view.id), services.repairs.apply_change)
    if len(failed) > MAX_FAILED:
        label = f"All {len(failed):,} failed runs"
        link_to_view("runs", label, ":material/list_alt:", status="failed")


def _draft(services: Services) -> None:
    """The form that Train fills in, if it is an unfinished one."""
    present = state_manager(services).state.training.draft_id
    form = next((one for one in services.drafts.unfinished() if one.id == present), None) if present else None
    if form is not None:
        with st.container(horizontal=True, vertical_alignment="center", key="home-draft"):
            told = f"{clock_time(form.saved_at, services.drafts.now())}: {summary(form)}"
            st.caption(f":material/edit_note: A form on Train is unfinished, from {escape(told)}", width="content")
            link_to_view("train", "Go on with it", ":material/model_training:", draft=form.id)


def _paused(services: Services, views: list[RunView]) -> None:
    if not views:
        return
    st.header("Paused", anchor=False)
    for view in views[:MAX_PAUSED]:
        paused_card(view, acts_of(services), None, services.repairs.apply_change)
    if len(views) > MAX_PAUSED:
        link_to_view("runs", f"All {len(views):,} paused runs", ":material/list_alt:", status="paused")


def _lately(services: Services, ended: list[RunView]) -> None:
    if not ended:
        return
    shown = ended[:MAX_ENDED]

    def opened() -> None:
        rows = widget_value(ENDED)["selection"]["rows"]
        if rows:
            open_view("monitor", run=shown[rows[0]].id)

    st.header("Ended lately", anchor=False)
    ended_table(shown, [_achieved(services, view) for view in shown], ENDED, opened)
    link_to_view("runs", "All runs", ":material/list_alt:")


def _achieved(services: Services, view: RunView) -> str:
    found = services.reports.achieved(view)
    return f"{found.tag} {found.best.value:.4g} at step {found.best.step:,}" if found else "-"


def _again(services: Services) -> None:
    """The tour can be taken at any time."""
    if not state_manager(services).state.ui.tour.is_on:
        st.button(
            "Take the 60-second tour",
            icon=":material/tour:",
            type="tertiary",
            key="home-tour",
            help="Starts the demo run, a tiny model on the CPU, and shows what the pages tell.",
            on_click=start_tour,
            args=(services,),
        )
