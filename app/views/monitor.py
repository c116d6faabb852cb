"""Monitor: one run, live."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.acts import acts_of, tensorboard_acts
from app.components.curve_chart import Look
from app.components.markdown_escape import escape
from app.components.run_buttons import more_menu, pause_button, resume_button, stop_button
from app.components.run_cards import fix_button
from app.components.run_live import draw_curves, draw_progress, draw_sentence
from app.components.run_past import draw_attempts, draw_log, draw_order
from app.components.run_selector import select_run
from app.components.state_badge import state_badge
from app.components.tensorboard_link import tensorboard_link
from app.frame import framed
from app.links import link_to_view, open_view
from app.session import state_manager
from backend.domain.actions import open_run, set_log_axis, set_log_filter, set_smoothing
from backend.domain.curves import Curves
from backend.domain.run import Origin
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services

REFRESH_SECONDS = 1.0


def render(services: Services) -> None:
    """The run of ?run=ID, or the one that was open, or the one that runs, or the newest."""
    views = services.status.list()
    if not views:
        st.title("Monitor", anchor=False)
        st.info("There is no run to watch yet. A run that you start shows its curves here.", icon=":material/info:")
        link_to_view("train", "Start a run", ":material/play_arrow:")
        return
    state = state_manager(services)
    run_id = select_run(views, state.state.view.run_id)
    state.update_state(open_run(run_id))
    view = services.status.show(run_id)
    every, drawn = REFRESH_SECONDS if view.run.needs_supervisor else None, (view.state, view.wish)
    _header(view)
    how_it_is = st.empty()
    if offer := services.repairs.offer(run_id):
        fix_button(run_id, offer, services.repairs.apply_change)
    _buttons(services, view)
    curves = {view.name: RunDirectory(view.run.run_dir).tensorboard}
    tensorboard_link(tensorboard_acts(services, curves), f"monitor-tensorboard-{run_id}")
    st.fragment(framed(_live), run_every=every, key=f"monitor-{run_id}")(services, run_id, drawn, how_it_is)


def _header(view: RunView) -> None:
    st.title(escape(view.name), anchor=False)
    st.caption(escape(f"{view.run.method} on {view.run.base_model}, run {view.id}"))
    if view.run.origin:
        _origin(view.run.origin)


def _buttons(services: Services, view: RunView) -> None:
    acts = acts_of(services)
    with st.container(horizontal=True, key="monitor-buttons"):
        pause_button(view, acts.pause, "monitor-pause")
        resume_button(view, acts.resume, "monitor-resume")
        stop_button(view, acts.stop, "monitor-stop")
        st.button(
            "Chat",
            icon=":material/chat:",
            disabled=not view.has_adapter,
            help="Asks the tuned model." if view.has_adapter else "The adapter is written at the end of the run.",
            key="monitor-chat",
            on_click=open_view,
            args=("chat",),
            kwargs={"run": view.id},
        )
        more_menu(view, acts, "monitor")


def _origin(origin: Origin) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(escape(origin.sentence()), width="content")
        link_to_view("monitor", "Open it", ":material/call_split:", run=origin.run_id)


def _live(services: Services, run_id: str, drawn: tuple[RunState, Wish], how_it_is: DeltaGenerator) -> None:
    """`how_it_is` is a place above the buttons, which cannot be in here: an open dialog would close at each tick."""
    view = services.status.show(run_id)
    if (view.state, view.wish) != drawn:
        st.rerun()  # the buttons above, and whether this goes on ticking, depend on the state
    with how_it_is.container():
        state_badge(view.state)
        draw_sentence(view)
    curves = services.curves.curves(RunDirectory(view.run.run_dir).tensorboard)
    draw_progress(view, curves)
    section = st.segmented_control(
        "Section", list(SECTIONS), default=next(iter(SECTIONS)), key="monitor-section", label_visibility="collapsed"
    )
    SECTIONS[section or "Curves"](services, view, curves)


def _curves(services: Services, view: RunView, curves: Curves) -> None:  # noqa: ARG001 - every section takes the same
    state = state_manager(services)
    known = state.state.ui
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    smoothing = left.slider(
        "Smoothing",
        0.0,
        0.99,
        known.smoothing,
        0.01,
        key="monitor-smoothing",
        help="TensorBoard's debiased moving average.",
    )
    is_log = right.toggle("Logarithmic", known.is_log_axis, key="monitor-log-axis")
    if (smoothing, is_log) != (known.smoothing, known.is_log_axis):
        state.update_state(set_smoothing(smoothing))
        state.update_state(set_log_axis(is_log))
    draw_curves(curves, Look(smoothing, is_log))


def _attempts(services: Services, view: RunView, curves: Curves) -> None:  # noqa: ARG001
    draw_attempts(view, services.status.journal(view.id))


def _log(services: Services, view: RunView, curves: Curves) -> None:  # noqa: ARG001
    state = state_manager(services)
    numbers = [found.number for found in reversed(view.run.attempts)]
    if not numbers:
        st.caption("No attempt has started yet.")
        return
    left, right = st.columns([1, 3])
    number = left.selectbox("Attempt", numbers, key="monitor-attempt")
    wanted = right.text_input("Only lines that contain", state.state.ui.log_filter, key="monitor-log-filter")
    if wanted != state.state.ui.log_filter:
        state.update_state(set_log_filter(wanted))
    draw_log(services.status.log(view.id, number), wanted, number)


def _order(services: Services, view: RunView, curves: Curves) -> None:  # noqa: ARG001
    draw_order(services.status.config_text(view.id), view.id)


Section = Callable[[Services, RunView, Curves], None]
SECTIONS: dict[str, Section] = {"Curves": _curves, "Attempts": _attempts, "Log": _log, "Configuration": _order}
