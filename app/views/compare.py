"""Compare: what runs were told differently, what came out, and whether the difference is more than noise."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from app import compare_address
from app.components.board import board
from app.components.comparison_tables import results_table, settings_table
from app.components.empty_card import empty_card
from app.components.hparams_grid import hparams_grid
from app.components.markdown_escape import escape
from app.components.parallel_chart import parallel_chart
from app.components.preset_dialog import preset_dialog
from app.components.run_dialogs import edit_dialog
from app.components.run_notes import run_notes
from app.components.run_picker import pick_runs
from app.components.samples_side_by_side import samples_side_by_side
from app.components.seed_intervals import seed_intervals
from app.links import open_view
from app.notices import attempt, say
from app.remembered import presets
from app.session import state_manager
from backend.domain.actions import compare
from backend.domain.board import Board, Look
from backend.domain.chart_building import build_charts
from backend.domain.comparison import Comparison, group_names
from backend.domain.hparams import hparams_table
from backend.domain.metric_goals import Goal
from backend.domain.run_results import Point
from backend.domain.sample_texts import side_by_side, steps
from backend.services.bundle import Services
from backend.services.config_service import preset_of
from backend.services.own_presets import suggested_name

BESIDE = 8  # runs side by side; more are in the table
MOST_CHARTS = 6
FIRST_METRICS = 3
SHARED = "at the last step that all have"
VALUES = (SHARED, "last", "best")


def render(services: Services) -> None:
    """Which runs, then one section about them."""
    st.title("Compare", anchor=False)
    views = services.status.list()
    if not views:
        told = "Runs stand here side by side: what they were told, what came out, and whether it is more than noise."
        empty_card("Nothing to compare yet", told, "compare")
        return
    known = {view.id for view in views}
    state = state_manager(services)
    asked = compare_address.opened([one for one in state.state.view.compare_ids if one in known])
    chosen = [run_id for run_id in asked if run_id in known]
    compare_address.show(chosen)
    pick_runs(views, compare_address.RUNS, compare_address.show)
    compare_address.keep(asked, chosen)
    state.update_state(compare(*chosen))
    _missing([run_id for run_id in asked if run_id not in known])
    if not chosen:
        st.info("Choose two or more runs above.", icon=":material/compare_arrows:")
        return
    with st.spinner("Reading the runs") if len(chosen) > BESIDE else st.container():
        found = services.comparing.look(chosen)
    if len(chosen) == 1:
        st.caption("One run alone; choose another one to see what differs.")
    section = st.segmented_control(
        "Section",
        list(SECTIONS),
        default=next(iter(SECTIONS)),
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
    SECTIONS.get(section or "", _results)(services, found)


def _missing(run_ids: Sequence[str]) -> None:
    for run_id in run_ids[:BESIDE]:
        st.warning(
            f"There is no run with the id {escape(run_id[:80])}; it may have been deleted.", icon=":material/warning:"
        )


def _beside(found: Comparison) -> Comparison:
    if len(found.runs) > BESIDE:
        st.caption(f"Side by side: the first {BESIDE} of {len(found.runs):,} runs. The table has all of them.")
    return found.first(BESIDE)


def _results(services: Services, found: Comparison) -> None:
    if not found.tags:
        st.info("None of these runs has written a point yet.", icon=":material/show_chart:")
    judged = _judged(found)
    if judged and len(found.runs) > 1:
        names = group_names(found.groups, found.labels)
        title, left, right = st.columns([2, 1, 1], vertical_alignment="bottom")
        title.header("More than noise?", anchor=False)
        tag = left.selectbox("Metric", judged, key="compare-metric")
        beside = right.selectbox(
            "Compared with", range(len(names)), format_func=lambda place: names[place], key="compare-beside"
        )
        seed_intervals(found, found.metric(tag or judged[0], beside or 0), _colors(services, found))
    st.header("Results", anchor=False)
    few = _beside(found)
    results_table(few, [few.metric(tag) for tag in few.tags], services.comparing.now())


def _judged(found: Comparison) -> list[str]:
    """The metrics of which it is known whether lower or higher is better."""
    return [tag for tag in found.tags if found.goal(tag) is not Goal.UNKNOWN]


def _settings(services: Services, found: Comparison) -> None:  # noqa: ARG001 - every section takes the same
    settings_table(_beside(found))


def _table(services: Services, found: Comparison) -> None:
    first = (_judged(found) or found.tags)[:FIRST_METRICS]
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    wanted = left.multiselect("Metrics", found.tags, default=first, key="compare-metrics")
    value = right.selectbox("Value", VALUES, key="compare-value")
    configs = [one.config for one in found.runs]
    table = hparams_table(configs, {tag: _points(found, tag, value or SHARED) for tag in wanted})
    colors = _colors(services, found)
    parallel_chart(table.columns, found.labels, colors)
    hparams_grid(found, table, colors)
    st.caption(
        f"Click a column to sort. {table.num_equal:,} settings are equal in all and not shown. An order of single runs "
        "is no ranking: whether a difference is more than noise is told under Results."
    )


def _points(found: Comparison, tag: str, value: str) -> Sequence[Point | None]:
    metric = found.metric(tag)
    if value == SHARED:
        return metric.shared.points
    return [(one.last if value == "last" else one.best) if one else None for one in metric.results]


def _curves(services: Services, found: Comparison) -> None:
    sources = [f"run:{one.run.id}" for one in _beside(found).runs]
    shown, _ = services.shown.look(sources)
    wanted = set(found.tags[:MOST_CHARTS])
    charts = build_charts([replace(one.source, tags=[t for t in one.source.tags if t in wanted]) for one in shown])
    st.button(
        "Open in Curves",
        icon=":material/show_chart:",
        key="compare-curves",
        help="All curves of these runs, with smoothing, axes, groups and bands.",
        on_click=open_view,
        args=("curves",),
        kwargs={"runs": [f"run:{one.run.id}" for one in found.runs]},
    )
    if not charts:
        st.info("None of these runs has written a point yet.", icon=":material/show_chart:")
        return
    ui = state_manager(services).state.ui
    board(Board(charts, Look(smoothing=ui.smoothing, x=ui.x_axis, is_log_y=ui.is_log_axis)), "compare-board")


def _samples(services: Services, found: Comparison) -> None:
    few = _beside(found)
    answers = side_by_side([services.comparing.samples(one.run.id) for one in few.runs])
    known = steps(answers)
    if not known:
        st.info(
            "None of these runs wrote sample answers. Name prompts under samples in run.yaml, and each run answers "
            "them before training, while it trains, and at the end.",
            icon=":material/forum:",
        )
        return
    step = known[-1]
    if len(known) > 1:
        step = st.select_slider("Step", known, value=known[-1], key="step", bind="query-params")
    samples_side_by_side(answers, few.labels, step)


def _notes(services: Services, found: Comparison) -> None:
    few = _beside(found)

    def edit(run_id: str) -> None:
        edit_dialog(services.status.show(run_id), lambda *facts: attempt(_annotate, services, *facts))

    run_notes(
        few,
        _colors(services, few),
        edit=edit,
        again=lambda run_id: open_view("train", **{"from": run_id}),
        preset=lambda run_id: _preset(services, run_id),
        watch=lambda run_id: open_view("monitor", run=run_id),
    )


def _annotate(services: Services, run_id: str, name: str, notes: str, tags: Sequence[str]) -> None:
    services.library.annotate(run_id, name=name, notes=notes, tags=tags)


def _preset(services: Services, run_id: str) -> None:
    config = services.comparing.order(run_id)

    def save(name: str, without: Sequence[str], replaces: bool, tags: Sequence[str]) -> None:
        path = services.configs.save_preset(name, config, without=without, replaces=replaces, tags=tags)
        say(f"The preset {name} was made; the Train page offers it. Its file is {path}.")

    preset_dialog(
        config,
        suggested_name(services.status.show(run_id).name),
        is_taken=lambda name: name in presets(services),
        preview=preset_of,
        save=lambda *facts: attempt(save, *facts),
    )


def _colors(services: Services, found: Comparison) -> list[int]:
    return [services.shown.color(one.run.id) for one in found.runs]


Section = Callable[[Services, Comparison], None]
SECTIONS: dict[str, Section] = {
    "Results": _results,
    "Settings": _settings,
    "Table": _table,
    "Curves": _curves,
    "Samples": _samples,
    "Notes": _notes,
}
