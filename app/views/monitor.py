"""Monitor: one run, live."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.acts import TensorBoardActs, acts_of, tensorboard_acts
from app.components.board import board
from app.components.curve_notes import axis_problem, draw_damage
from app.components.empty_card import empty_card
from app.components.markdown_escape import escape
from app.components.next_steps import draw_next_steps
from app.components.run_buttons import more_menu, pause_button, resume_button, stop_button
from app.components.run_cards import fix_button
from app.components.run_figures import run_figures
from app.components.run_live import draw_progress, draw_sentence
from app.components.run_log import draw_log, log_controls
from app.components.run_past import draw_order, draw_timeline
from app.components.run_selector import select_run
from app.components.samples_side_by_side import samples_side_by_side
from app.components.state_badge import state_badge
from app.components.tensorboard_link import refresh_seconds, tensorboard_link
from app.frame import live
from app.links import link_to_view, open_view
from app.monitor_look import chart_look
from app.notices import draw_again
from app.remembered import memory_of_run
from app.sections.exports import exporting_pace, exports
from app.session import show_in_widget, state_manager, widget_value
from backend.domain.actions import open_run, set_log_filter
from backend.domain.board import Board, XAxis
from backend.domain.chart_building import ShownSource, build_charts
from backend.domain.curve_names import is_of_machine
from backend.domain.next_steps import NextStep
from backend.domain.run import Origin
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.domain.sample_texts import side_by_side, steps
from backend.domain.states import RunState, Wish
from backend.domain.tensorboard_page import Stage
from backend.domain.timeline import timeline
from backend.services.bundle import Services

REFRESH_SECONDS = 2.0  # points of curves come by themselves
SECTION = "section"  # in the address, too
FOLLOW = "monitor-follow"
EXPORTS = "Exports"


def render(services: Services) -> None:
    """The run of ?run=ID, or the one that was open, or the one that runs, or the newest."""
    views = services.status.list()
    if not views:
        st.title("Monitor", anchor=False)
        empty_card(
            "No run to watch yet", "A run that you start shows here how it is, its curves and its log.", "monitor"
        )
        return
    state = state_manager(services)
    run_id = select_run(views, state.state.view.run_id)
    state.update_state(open_run(run_id))
    view = services.status.show(run_id)
    _header(view)
    how_it_is = st.empty()
    _buttons(services, view)
    num_waiting = sum(one.queue_position is not None for one in views)
    draw_next_steps(view, num_waiting, _deeds(services, view, _beside(views, view)), _fix(services, run_id))
    figures = st.empty()
    section = st.segmented_control(
        "Section",
        list(SECTIONS),
        default=next(iter(SECTIONS)),
        key=SECTION,
        bind="query-params",
        label_visibility="collapsed",
    )
    _living(services, view, section or next(iter(SECTIONS)), Places(how_it_is, figures))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the page was drawn with, on which depends how often its live part is drawn again."""

    how: tuple[RunState, Wish]
    stage: Stage
    is_live: bool
    follows: bool
    is_exporting: bool = False


@dataclass(frozen=True, slots=True)
class Places:
    """Where the live part writes besides its own place: above and below the buttons.

    The buttons cannot be in it: an open dialog would close at each tick.
    """

    how_it_is: DeltaGenerator
    figures: DeltaGenerator


def _living(services: Services, view: RunView, section: str, places: Places) -> None:
    """One part ticks: how the run is, and the section below; a log that is being read stands still."""
    follows = widget_value(FOLLOW) is not False
    stage = _tensorboard(services, view).showing().stage
    drawn = Drawn((view.state, view.wish), stage, view.run.needs_supervisor, follows, services.exports.is_busy(view.id))
    is_still = section == "Log" and not follows
    paces = [
        REFRESH_SECONDS if drawn.is_live else None,
        refresh_seconds(drawn.stage) if section == "Curves" else None,
        exporting_pace(services, view.id) if section == EXPORTS else None,
    ]
    every = min((pace for pace in paces if pace), default=None)
    ticking = None if is_still else section
    live(_live, every, f"monitor-{view.id}-{ticking}")(services, view.id, drawn, places, ticking)
    if is_still:
        live(SECTIONS[section], None, f"monitor-still-{view.id}")(services, view.id, drawn)


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
        more_menu(view, acts, "monitor")


def _beside(views: tuple[RunView, ...], view: RunView) -> str:
    """Which run to compare with: the one that this came from, else the newest other one; "" if there is none."""
    known = {one.id for one in views}
    if view.run.origin and view.run.origin.run_id in known:
        return view.run.origin.run_id
    return next((one.id for one in views if one.id != view.id), "")


def _fix(services: Services, run_id: str) -> Callable[[], None] | None:
    offer = services.repairs.offer(run_id)
    return (lambda: fix_button(run_id, offer, services.repairs.apply_change)) if offer else None


def _deeds(services: Services, view: RunView, beside: str) -> dict[NextStep, Callable[[], None]]:
    deeds: dict[NextStep, Callable[[], None]] = {
        NextStep.READ_LOG: lambda: _show("Log"),
    }
    if services.playground.can_ask(view.id):
        deeds[NextStep.CHAT] = lambda: open_view("chat", run=view.id)
    if beside:
        deeds[NextStep.COMPARE] = lambda: open_view("compare", runs=[view.id, beside])
    return deeds


def _show(section: str) -> None:
    show_in_widget(SECTION, section)


def _origin(origin: Origin) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(escape(origin.sentence()), width="content")
        link_to_view("monitor", "Open it", ":material/call_split:", run=origin.run_id)


def _live(services: Services, run_id: str, drawn: Drawn, places: Places, section: str | None) -> None:
    """`section` is drawn in its own place, None for none."""
    view = services.status.show(run_id)
    if (view.state, view.wish) != drawn.how:
        draw_again()  # the buttons above, and whether this goes on ticking, depend on the state
    report = services.reports.report(view)
    with places.how_it_is.container():
        state_badge(view.state)
        draw_sentence(report)
    with places.figures.container():
        draw_progress(report)
        run_figures(report)
        if view.run.is_over and (line := memory_of_run(services, view)):
            st.caption(escape(line))
    if section is not None:
        SECTIONS[section](services, run_id, drawn)


def _curves(services: Services, run_id: str, drawn: Drawn) -> None:
    shown, _ = services.shown.look([f"run:{run_id}"])
    acts, key = _tensorboard(services, services.status.show(run_id)), f"monitor-tensorboard-{run_id}"
    if not any(one.source.tags for one in shown):
        st.info("No points yet. They appear with the first step.", icon=":material/show_chart:")
        tensorboard_link(acts, key, drawn.stage)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="monitor-toolbar"):
        look = chart_look(services, run_id)
        if drawn.stage is Stage.OFF:
            tensorboard_link(acts, key, drawn.stage)
    if drawn.stage is not Stage.OFF:
        tensorboard_link(acts, key, drawn.stage)
    draw_damage({one.source.label: one.curves for one in shown})
    problem = axis_problem(shown, look.x)
    if problem:
        st.caption(f":material/info: {problem}")
        look = replace(look, x=XAxis.STEP)
    charts = build_charts([_only(one.source, of_machine=False) for one in shown])
    board(Board(charts, look), f"monitor-board-{run_id}")


def _system(services: Services, run_id: str, drawn: Drawn) -> None:  # noqa: ARG001 - every section takes the same
    shown, _ = services.shown.look([f"run:{run_id}"])
    charts = build_charts([_only(one.source, of_machine=True) for one in shown])
    if not charts:
        st.info("Nothing was measured of the machine yet.", icon=":material/memory:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="monitor-toolbar"):
        look = chart_look(services, run_id)
    if axis_problem(shown, look.x):
        look = replace(look, x=XAxis.STEP)
    board(Board(charts, look), f"monitor-system-{run_id}")


def _only(source: ShownSource, *, of_machine: bool) -> ShownSource:
    return replace(source, tags=[tag for tag in source.tags if is_of_machine(tag) is of_machine])


def _samples(services: Services, run_id: str, drawn: Drawn) -> None:  # noqa: ARG001 - every section takes the same
    answers = side_by_side([services.comparing.samples(run_id)])
    known = steps(answers)
    if not known:
        st.caption("No sample answers. Name prompts under samples in run.yaml, and the run answers them as it learns.")
        return
    step = known[-1]
    if len(known) > 1:
        step = st.select_slider("Step", known, value=known[-1], key=f"monitor-step-{known[-1]}")
    samples_side_by_side(answers, [services.status.show(run_id).name], step)


def _timeline(services: Services, run_id: str, drawn: Drawn) -> None:  # noqa: ARG001 - every section takes the same
    draw_timeline(timeline(services.status.show(run_id).run.attempts, services.status.journal(run_id)))


def _log(services: Services, run_id: str, drawn: Drawn) -> None:
    state, view = state_manager(services), services.status.show(run_id)
    numbers = [found.number for found in reversed(view.run.attempts)]
    if not numbers:
        st.caption("No attempt has started yet.")
        return
    wish = log_controls(numbers, state.state.ui.log_filter, FOLLOW, is_live=drawn.is_live)
    if drawn.is_live and wish.follows is not drawn.follows:
        draw_again()  # how often this is drawn again depends on it
    if wish.words != state.state.ui.log_filter:
        state.update_state(set_log_filter(wish.words))
    size = services.status.log_bytes(run_id, wish.attempt)
    draw_log(wish, lambda most: services.status.log(run_id, wish.attempt, most), size, run_id)


def _order(services: Services, run_id: str, drawn: Drawn) -> None:  # noqa: ARG001 - every section takes the same
    draw_order(services.status.config_text(run_id), run_id)


def _exports(services: Services, run_id: str, drawn: Drawn) -> None:
    exports(services, run_id, "monitor", is_ticking=drawn.is_exporting)


SECTIONS: dict[str, Callable[[Services, str, Drawn], None]] = {
    "Curves": _curves,
    "System": _system,
    "Samples": _samples,
    "Timeline": _timeline,
    "Log": _log,
    "Configuration": _order,
    EXPORTS: _exports,
}
