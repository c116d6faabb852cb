"""Curves: the curves of any runs and log directories, over one another, with one look and one link."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from app import curve_address
from app.components.board import board
from app.components.curve_chooser import add_directory, choose_sources, log_directories
from app.components.curve_notes import axis_problem, draw_damage, draw_missing, shown_table
from app.components.curve_toolbar import curve_toolbar
from app.frame import framed
from app.links import open_view
from app.notices import attempt, say
from app.session import count, count_up, show_in_widget, state_manager, widget_value
from backend.domain.actions import look_at_curves, set_axes, set_log_axis, set_smoothing
from backend.domain.board import Board, Chart, XAxis
from backend.domain.chart_building import ShownSource, Wanted, build_charts
from backend.domain.curve_link import MAX_PINS, MAX_SOURCES, CurveLink
from backend.domain.curve_names import natural
from backend.domain.name_filter import choose
from backend.domain.run_groups import group_choices
from backend.services.bundle import Services
from backend.services.shown_curves import Shown

REFRESH_SECONDS = 5.0  # for new tags, states and damage; points come by themselves
MORE = 24  # charts at a time
FIRST_RUNS = 3


def render(services: Services) -> None:
    """Sources, toolbar, charts."""
    st.title("Curves", anchor=False)
    labels = _catalogue(services)
    if not labels:
        _nothing_yet(services)
        return
    link = curve_address.opened(_preferred(services, labels))
    unknown = [source for source in link.runs if source not in labels]
    known = [source for source in link.runs if source in labels]
    chosen, run_problem = _filtered_runs(services, known, link.filter)
    shown, missing = services.shown.look([*chosen, *unknown])
    choose_sources(labels, lambda: _directories(services), run_problem)
    draw_missing(missing)
    tags = sorted({tag for one in shown for tag in one.source.tags}, key=natural)
    choices = group_choices([one.source.settings for one in shown if one.source.settings])
    curve_toolbar(
        list(dict.fromkeys([*tags, *link.pins])),
        list(dict.fromkeys([*choices, *([link.group] if link.group else [])])),
        {source: labels[source] for source in dict.fromkeys([*known, link.baseline]) if source in labels},
        choose(tags, link.tags).problem,
    )
    link = curve_address.from_widgets()
    curve_address.keep(link)
    _remember(services, link)
    if not known:
        st.info("Choose runs above; their curves appear here, over one another.", icon=":material/show_chart:")
        return
    is_live = any(one.run is None or one.run.is_active for one in shown)
    every = REFRESH_SECONDS if is_live else None
    st.fragment(framed(_charts), run_every=every, key="curves-charts")(services, tuple(chosen), link)


def _catalogue(services: Services) -> dict[str, str]:
    """All sources that can be chosen, with names that stay the same as long as a run has its name."""
    own = {f"run:{view.id}": f"{view.name} ({view.id})" for view in services.status.list()}
    for directory in services.sources.directories():
        for found in services.sources.runs(directory.key):
            where = f"{found.path} in {directory.path}" if found.path != "." else str(directory.path)
            own[f"dir:{directory.key}/{found.path}"] = where
    return own


def _preferred(services: Services, labels: Mapping[str, str]) -> CurveLink:
    """What is shown without a link: what was looked at last, as a person likes to see curves."""
    state = state_manager(services).state
    ui = state.ui
    last = tuple(source for source in state.view.curve_sources if source in labels)
    runs = last or tuple(labels)[:FIRST_RUNS]
    return CurveLink(runs=runs, smoothing=ui.smoothing, x=ui.x_axis, logx=ui.is_log_x, logy=ui.is_log_axis)


def _remember(services: Services, link: CurveLink) -> None:
    state = state_manager(services)
    for action in (
        look_at_curves(*link.runs),
        set_smoothing(link.smoothing),
        set_axes(link.x, is_log_x=link.logx),
        set_log_axis(link.logy),
    ):
        state.update_state(action)


def _filtered_runs(services: Services, known: Sequence[str], pattern: str) -> tuple[list[str], str]:
    """The chosen runs whose name or id fits the filter."""
    if not pattern.strip():
        return list(known), ""
    labels = _catalogue(services)
    found = choose([labels[source] for source in known], pattern)
    fitting = set(found.names)
    return [source for source in known if labels[source] in fitting], found.problem


def _nothing_yet(services: Services) -> None:
    with st.container(border=True, key="no-curves"):
        st.header("No curves yet", anchor=False)
        st.write(
            "A run that you start writes its curves here. Folders of other programs' event files can be looked at too."
        )
        st.button(
            "Start a run",
            type="primary",
            icon=":material/model_training:",
            key="curves-start",
            on_click=open_view,
            args=("train",),
        )
        add_directory(lambda path: attempt(_add, services, path), "curves-first-directory")
        _directories_without_runs(services)


def _directories_without_runs(services: Services) -> None:
    for directory in services.sources.directories():
        st.text(f"{directory.path}: no event files found, or the folder is gone")


def _directories(services: Services) -> None:
    sources = services.sources
    log_directories(
        [(directory, len(sources.runs(directory.key))) for directory in sources.directories()],
        add=lambda path: attempt(_add, services, path),
        remove=lambda key: attempt(_remove, services, key),
        show=lambda key: attempt(_show_directory, services, key),
    )


def _add(services: Services, path: str) -> None:
    key = services.sources.add_directory(path)
    found = len(services.sources.runs(key))
    say(
        f"The folder was added; {found:,} runs were found in it."
        if found
        else "The folder was added. No run is in it yet."
    )
    _show_directory(services, key)


def _show_directory(services: Services, key: str) -> None:
    own = [f"dir:{key}/{found.path}" for found in services.sources.runs(key)]
    _choose(services, [*own, *_chosen()])


def _remove(services: Services, key: str) -> None:
    services.sources.remove_directory(key)
    _choose(services, [source for source in _chosen() if not source.startswith(f"dir:{key}/")])
    say("The log directory was removed from the list. Its files are as they were.")


def _chosen() -> list[str]:
    return [str(source) for source in widget_value(curve_address.key_of("runs")) or []]


def _choose(services: Services, sources: Sequence[str]) -> None:
    """Also for a page that has no selection yet, which begins with what was looked at last."""
    most = list(dict.fromkeys(sources))[:MAX_SOURCES]
    state_manager(services).update_state(look_at_curves(*most))
    show_in_widget(curve_address.key_of("runs"), most)


def _charts(services: Services, chosen: tuple[str, ...], link: CurveLink) -> None:
    """Ticks while something may still be written."""
    shown, _ = services.shown.look(chosen)
    if not shown:
        st.info("No chosen run fits the filter.", icon=":material/search_off:")
        return
    every = sorted({tag for one in shown for tag in one.source.tags}, key=natural)
    if not every:
        st.info("No points yet. They appear with the first step.", icon=":material/show_chart:")
        return
    draw_damage({one.source.label: one.curves for one in shown})
    with st.expander(f"Runs shown: {len(shown):,}", icon=":material/list:", key="curves-shown"):
        shown_table(shown)
    _board(shown, every, link)


def _board(shown: Sequence[Shown], every: Sequence[str], link: CurveLink) -> None:
    tags = frozenset(choose(every, link.tags).names)
    if not tags:
        st.info(f"None of the {len(every):,} tags fits the filter.", icon=":material/search_off:")
        return
    sources = [_only(one.source, tags) for one in shown]
    charts = build_charts(sources, Wanted(link.group, link.baseline, frozenset(link.pins)))
    look, problem = link.look, axis_problem(shown, link.x)
    if problem:
        st.caption(f":material/info: {problem}")
        look = replace(look, x=XAxis.STEP) if problem.startswith("Drawn over steps") else look
    _more(charts, len(tags), len(every))
    board(Board(charts[: _most()], look), "curves-board", on_pin=_toggle_pin)


def _only(source: ShownSource, tags: frozenset[str]) -> ShownSource:
    return replace(source, tags=[tag for tag in source.tags if tag in tags])


def _most() -> int:
    return MORE * (1 + count("curves-more"))


def _more(charts: Sequence[Chart], num_tags: int, num_all: int) -> None:
    """How many charts there are, and the way to more of them."""
    told = f"{num_tags:,} of {num_all:,} tags" if num_tags < num_all else f"{num_all:,} tags"
    if len(charts) <= _most():
        st.caption(f"{told} in {len(charts):,} charts")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{told}; the first {_most():,} of {len(charts):,} charts are shown", width="content")
        st.button(
            "Show more", icon=":material/expand_more:", key="curves-show-more", on_click=count_up, args=("curves-more",)
        )


def _toggle_pin(tag: str) -> None:
    key = curve_address.key_of("pins")
    pins = [str(pin) for pin in widget_value(key) or []]
    kept = [pin for pin in pins if pin != tag] if tag in pins else [*pins, tag]
    show_in_widget(key, kept[:MAX_PINS])
