"""Monitor: one run, live."""

from collections.abc import Callable
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.acts import TensorBoardActs, acts_of, tensorboard_acts
from app.components.board import board
from app.components.curve_notes import axis_problem, draw_damage
from app.components.curve_toolbar import axis_select, smoothing_slider, view_switches
from app.components.markdown_escape import escape
from app.components.run_buttons import more_menu, pause_button, resume_button, stop_button
from app.components.run_cards import fix_button
from app.components.run_live import draw_progress, draw_sentence
from app.components.run_past import draw_attempts, draw_log, draw_order
from app.components.run_selector import select_run
from app.components.samples_side_by_side import samples_side_by_side
from app.components.state_badge import state_badge
from app.components.tensorboard_link import refresh_seconds, tensorboard_link
from app.frame import live
from app.links import link_to_view, open_view
from app.session import show_in_widget, state_manager, widget_value
from backend.domain.actions import open_run, set_axes, set_log_axis, set_log_filter, set_smoothing
from backend.domain.application_state import UIState
from backend.domain.board import Board, Look, XAxis
from backend.domain.chart_building import build_charts
from backend.domain.run import Origin
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.domain.sample_texts import side_by_side, steps
from backend.domain.states import RunState, Wish
from backend.domain.tensorboard_page import Stage
from backend.services.bundle import Services

REFRESH_SECONDS = 1.0
SECTION_SECONDS = 3.0  # for new tags and marks, new lines of the log; points of curves come by themselves


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
    live(_live, every, f"monitor-{run_id}")(services, run_id, drawn, how_it_is)
    section = st.segmented_control(
        "Section", list(SECTIONS), default=next(iter(SECTIONS)), key="monitor-section", label_visibility="collapsed"
    )
    _section(services, view, section or "Curves")


def _section(services: Services, view: RunView, section: str) -> None:
    """A second fragment, slower than the first: charts move by themselves."""
    stage = _tensorboard(services, view).showing().stage
    paces = [
        SECTION_SECONDS if view.run.needs_supervisor else None,
        refresh_seconds(stage) if section == "Curves" else None,
    ]
    every = min((pace for pace in paces if pace), default=None)
    live(SECTIONS[section], every, f"monitor-section-{view.id}-{section}")(services, view.id, stage)


def _tensorboard(services: Services, view: RunView) -> TensorBoardActs:
    return tensorboard_acts(services, {view.name: RunDirectory(view.run.run_dir).tensorboard})


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
    draw_progress(view, services.curves.curves(RunDirectory(view.run.run_dir).tensorboard))


def _curves(services: Services, run_id: str, stage: Stage) -> None:
    shown, _ = services.shown.look([f"run:{run_id}"])
    acts, key = _tensorboard(services, services.status.show(run_id)), f"monitor-tensorboard-{run_id}"
    if not any(one.source.tags for one in shown):
        st.info("No points yet. They appear with the first step.", icon=":material/show_chart:")
        tensorboard_link(acts, key, stage)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="monitor-toolbar"):
        look = _look(services, run_id)
        if stage is Stage.OFF:
            tensorboard_link(acts, key, stage)
    if stage is not Stage.OFF:
        tensorboard_link(acts, key, stage)
    draw_damage({one.source.label: one.curves for one in shown})
    problem = axis_problem(shown, look.x)
    if problem:
        st.caption(f":material/info: {problem}")
        look = replace(look, x=XAxis.STEP)
    board(Board(build_charts([one.source for one in shown]), look), f"monitor-board-{run_id}")


def _look(services: Services, run_id: str) -> Look:
    """The controls above the charts; what a person chooses is remembered for all runs."""
    state = state_manager(services)
    _begin_with(state.state.ui)
    smoothing_slider(KEYS["smoothing"])
    axis_select(KEYS["x"])
    with st.popover("View", icon=":material/tune:", key="monitor-view"):
        view_switches(KEYS)
    st.button(
        "Open in Curves",
        icon=":material/stacked_line_chart:",
        key="monitor-curves",
        help="With filters, groups and other runs beside it.",
        on_click=open_view,
        args=("curves",),
        kwargs={"runs": f"run:{run_id}"},
    )
    told = {name: widget_value(key) for name, key in KEYS.items()}
    state.update_state(set_smoothing(told["smoothing"]))
    state.update_state(set_axes(XAxis(told["x"]), is_log_x=told["logx"]))
    state.update_state(set_log_axis(told["logy"]))
    return Look(
        told["smoothing"],
        XAxis(told["x"]),
        is_log_x=told["logx"],
        is_log_y=told["logy"],
        ignores_outliers=told["outliers"],
        shows_ghosts=told["ghosts"],
    )


def _begin_with(known: UIState) -> None:
    first = {
        "smoothing": known.smoothing,
        "x": known.x_axis.value,
        "logx": known.is_log_x,
        "logy": known.is_log_axis,
        "outliers": False,
        "ghosts": True,
    }
    for name, value in first.items():
        if widget_value(KEYS[name]) is None:
            show_in_widget(KEYS[name], value)


def _samples(services: Services, run_id: str, stage: Stage) -> None:  # noqa: ARG001 - every section takes the same
    answers = side_by_side([services.comparing.samples(run_id)])
    known = steps(answers)
    if not known:
        st.caption("No sample answers. Name prompts under samples in run.yaml, and the run answers them as it learns.")
        return
    step = known[-1]
    if len(known) > 1:
        step = st.select_slider("Step", known, value=known[-1], key=f"monitor-step-{known[-1]}")
    samples_side_by_side(answers, [services.status.show(run_id).name], step)


def _attempts(services: Services, run_id: str, stage: Stage) -> None:  # noqa: ARG001 - every section takes the same
    draw_attempts(services.status.show(run_id), services.status.journal(run_id))


def _log(services: Services, run_id: str, stage: Stage) -> None:  # noqa: ARG001 - every section takes the same
    state, view = state_manager(services), services.status.show(run_id)
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


def _order(services: Services, run_id: str, stage: Stage) -> None:  # noqa: ARG001 - every section takes the same
    draw_order(services.status.config_text(run_id), run_id)


KEYS = {name: f"monitor-{name}" for name in ("smoothing", "x", "logx", "logy", "outliers", "ghosts")}
Section = Callable[[Services, str, Stage], None]
SECTIONS: dict[str, Section] = {
    "Curves": _curves,
    "Samples": _samples,
    "Attempts": _attempts,
    "Log": _log,
    "Configuration": _order,
}
