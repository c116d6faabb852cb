"""Monitor: one run, live."""

import streamlit as st

from app.components.markdown_escape import escape
from app.components.run_live import SECTIONS, draw_progress, draw_section
from app.components.run_selector import select_run
from app.components.state_badge import state_badge
from app.session import state_manager
from backend.domain.actions import open_run
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from backend.services.state_manager import StateManager

REFRESH_SECONDS = 1.0


def render(services: Services) -> None:
    """The run of ?run=ID, or the one that was open, or the one that runs, or the newest."""
    views = services.status.list()
    if not views:
        st.header("Monitor", anchor=False)
        st.info(
            "There is no run to watch yet. Start the demo run on Home, or your own on Train.",
            icon=":material/info:",
        )
        return
    state = state_manager(services)
    run_id = select_run(views, state.state.view.run_id)
    view = services.status.show(run_id)
    state.update_state(open_run(run_id))
    _header(services, view)
    is_live = not view.run.is_over or view.run.needs_supervisor
    live = st.fragment(_live, run_every=REFRESH_SECONDS if is_live else None, key=f"live-{run_id}")
    live(services, state, run_id, view.state)


def _header(services: Services, view: RunView) -> None:
    title, *buttons = st.columns([6, 1.2, 1.2, 1.2], vertical_alignment="center")
    with title:
        st.header(escape(view.name), anchor=False)
        st.caption(escape(f"{view.run.method} on {view.run.base_model}, {view.id}"))
    is_stoppable = not view.run.is_over and view.wish is Wish.RUN
    is_resumable = view.state in (RunState.STOPPED, RunState.FAILED) and view.wish is Wish.STOP
    stop, resume, chat = buttons
    stop.button(
        "Stop",
        icon=":material/stop:",
        width="stretch",
        disabled=not is_stoppable,
        help="Writes a checkpoint and ends; it can be resumed later.",
        on_click=services.training.stop,
        args=(view.id,),
    )
    resume.button(
        "Resume",
        icon=":material/play_arrow:",
        width="stretch",
        disabled=not is_resumable,
        help="Goes on from the last checkpoint.",
        on_click=services.training.resume,
        args=(view.id,),
    )
    if chat.button(
        "Chat",
        icon=":material/chat:",
        width="stretch",
        disabled=not view.has_adapter,
        help="Asks the tuned model." if view.has_adapter else "The adapter is written at the end of the run.",
    ):
        st.switch_page(st.session_state.pages["chat"])


def _live(services: Services, state: StateManager, run_id: str, drawn_state: RunState) -> None:
    view = services.status.show(run_id)
    if view.state is not drawn_state:
        st.rerun()  # the buttons above, and whether this goes on ticking, depend on the state
    state_badge(view.state)
    curves = services.curves.curves(RunDirectory(view.run.run_dir).tensorboard)
    draw_progress(view, curves)
    section = st.segmented_control(
        "Section", SECTIONS, default=SECTIONS[0], key="monitor-section", label_visibility="collapsed"
    )
    draw_section(section or SECTIONS[0], services, state, view, curves)
