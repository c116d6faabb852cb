"""Curves: the curves of any runs and log directories, over one another, with one look and one link."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import PurePath

import streamlit as st

from app import curve_address
from app.components.curve_board import curve_board
from app.components.curve_chooser import add_directory, choose_sources, log_directories
from app.components.curve_notes import draw_damage, draw_missing, shown_table
from app.components.curve_records import SHOWN, Found, other_records
from app.components.curve_toolbar import curve_toolbar
from app.components.empty_card import empty_card
from app.components.page_watch import page_watch
from app.components.tensorboard_link import tensorboard_link
from app.frame import live
from app.marks import MarkKind, mark_of, tensorboard_of
from app.notices import attempt, draw_again, say
from app.session import show_in_widget, state_manager, widget_value
from backend.domain.actions import look_at_curves, set_axes, set_log_axis, set_smoothing
from backend.domain.curve_link import MAX_SOURCES, CurveLink
from backend.domain.curve_names import natural
from backend.domain.name_filter import choose
from backend.domain.run_groups import group_choices
from backend.domain.tensorboard_page import Stage
from backend.services.bundle import Services
from backend.services.shown_curves import Shown

FIRST_RUNS = 3
MANY = 8  # runs; reading more for the first time may take longer than a blink


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
    chosen, run_problem = _filtered_runs(labels, known, link.filter)
    wanted = [*chosen, *unknown]
    with st.spinner("Reading the curves") if len(wanted) > MANY else st.container():
        shown, missing = services.shown.look(wanted)
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
    stage = tensorboard_of(services, shown).showing().stage
    live(_charts, None, "curves-charts")(services, tuple(chosen), link, stage, is_live)


def _catalogue(services: Services) -> dict[str, str]:
    """All sources that can be chosen, with names that stay the same whatever else is chosen, each once."""
    short, long = {}, {}
    for view in services.status.list():
        source = f"run:{view.id}"
        short[source] = f"{view.name} ({view.id.rpartition('-')[2]})"
        long[source] = f"{view.name} ({view.id})"
    for directory in services.sources.directories():
        for found in services.sources.runs(directory.key):
            source = f"dir:{directory.key}/{found.path}"
            short[source] = str(PurePath(directory.path.name, found.path))
            long[source] = str(directory.path / found.path)
    uses = Counter(short.values())
    return {source: name if uses[name] == 1 else long[source] for source, name in short.items()}


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


def _filtered_runs(labels: Mapping[str, str], known: Sequence[str], pattern: str) -> tuple[list[str], str]:
    """The chosen runs whose name or id fits the filter."""
    if not pattern.strip():
        return list(known), ""
    found = choose([labels[source] for source in known], pattern)
    fitting = set(found.names)
    return [source for source in known if labels[source] in fitting], found.problem


def _nothing_yet(services: Services) -> None:
    told = "A run that you start writes its curves here. Folders of other programs' event files can be looked at too."
    with empty_card("No curves yet", told, "curves"):
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


def _charts(services: Services, chosen: tuple[str, ...], link: CurveLink, stage: Stage, is_live: bool) -> None:
    """Drawn anew when there are other tags or states, while something is still written; points come by themselves."""
    if curve_address.from_widgets() != link:
        draw_again()  # a pin was clicked in here: the selection of pins and the address are outside
    mark = mark_of(services, MarkKind.CURVES, chosen)
    shown, _ = services.shown.look(chosen)
    if not shown:
        st.info("No chosen run fits the filter.", icon=":material/search_off:")
        return
    every = sorted({tag for one in shown for tag in one.source.tags}, key=natural)
    if not every:
        st.info("No points yet. They appear with the first step.", icon=":material/show_chart:")
    else:
        draw_damage({one.source.label: one.curves for one in shown})
        with st.expander(f"Runs shown: {len(shown):,}", icon=":material/list:", key="curves-shown"):
            shown_table(shown)
        draw = partial(tensorboard_link, tensorboard_of(services, shown), "curves-tensorboard", stage)
        if stage is not Stage.OFF:
            draw()
        curve_board(shown, every, link, beside=draw if stage is Stage.OFF else None)
    _others(services, shown)
    if is_live or stage in (Stage.STARTING, Stage.READY):
        page_watch(MarkKind.CURVES, mark.text, chosen)


def _others(services: Services, shown: Sequence[Shown]) -> None:
    """Texts, histograms and pictures, drawn only while the section is open."""
    found = [
        Found(one.source.label, one.source.id, other)
        for one in shown
        for other in one.curves.others.values()
        if other.kind in SHOWN and other.places
    ]
    if not found:
        return
    box = st.expander(
        f"Other records: {len(found):,}", icon=":material/article:", key="curves-others", on_change="rerun"
    )
    if box.open:
        with box:
            other_records(found, services.shown.record)
