"""The charts of the Curves view: how many there are, more of them, and their points as CSV."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from app import curve_address
from app.components.board import board
from app.components.curve_notes import axis_problem
from app.session import count, count_up, show_in_widget, widget_value
from backend.domain.board import Board, Chart, XAxis
from backend.domain.chart_building import ShownSource, Wanted, build_charts
from backend.domain.curve_export import Curve, long_csv
from backend.domain.curve_link import MAX_PINS, CurveLink
from backend.domain.name_filter import choose
from backend.domain.run_groups import group
from backend.services.shown_curves import Shown

MORE = 36  # charts at a time; only those on the screen are drawn
MAX_CSV_POINTS = 3_000_000  # some 150 MB of text, which a browser still takes
_MORE = "curves-more"


def curve_board(
    shown: Sequence[Shown], every: Sequence[str], link: CurveLink, beside: Callable[[], None] | None = None
) -> None:
    """The charts of all tags in `every` that fit the link's filter; `beside` draws more next to the download."""
    tags = choose(every, link.tags).names
    if not tags:
        st.info(f"None of the {len(every):,} tags fits the filter.", icon=":material/search_off:")
        return
    wanted = frozenset(tags)
    sources = [_only(one.source, wanted) for one in shown]
    charts = build_charts(sources, Wanted(link.group, link.baseline, frozenset(link.pins)))
    _head(
        charts,
        f"{len(tags):,} of {len(every):,} tags" if len(tags) < len(every) else f"{len(every):,} tags",
        shown,
        tags,
        beside,
    )
    _groups(sources, link.group)
    look, problem = link.look, axis_problem(shown, link.x)
    if problem:
        st.caption(f":material/info: {problem}")
        look = replace(look, x=XAxis.STEP) if problem.startswith("Drawn over steps") else look
    board(Board(charts[: _most()], look), "curves-board", on_pin=_pin_of(charts))


def as_csv(shown: Sequence[Shown], tags: Sequence[str]) -> str:
    """Every point of these tags as it was written, whatever the charts smooth or leave out; safe in spreadsheets."""
    found = ((one, one.curves.series.get(tag)) for one in shown for tag in tags)
    return "".join(long_csv(Curve(one.source.label, series) for one, series in found if series is not None))


def _only(source: ShownSource, tags: frozenset[str]) -> ShownSource:
    return replace(source, tags=[tag for tag in source.tags if tag in tags])


def _most() -> int:
    return MORE * (1 + count(_MORE))


def _head(
    charts: Sequence[Chart],
    told: str,
    shown: Sequence[Shown],
    tags: Sequence[str],
    beside: Callable[[], None] | None,
) -> None:
    """How many charts there are, the way to more of them, and the points to take along."""
    is_more = len(charts) > _most()
    words = (
        f"{told}; the first {_most():,} of {len(charts):,} charts are shown"
        if is_more
        else f"{told} in {len(charts):,} charts"
    )
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(words, width="content")
        if is_more:
            st.button(
                "Show more", icon=":material/expand_more:", key="curves-show-more", on_click=count_up, args=(_MORE,)
            )
        with st.container(horizontal=True, horizontal_alignment="right", width="content"):
            if beside:
                beside()
            _download(shown, tags)


def _download(shown: Sequence[Shown], tags: Sequence[str]) -> None:
    num_points = sum(len(one.curves.series[tag]) for one in shown for tag in tags if tag in one.curves.series)
    is_much = num_points > MAX_CSV_POINTS
    help_text = f"All {num_points:,} points of these runs and tags, as they were written."
    st.download_button(
        "CSV",
        lambda: as_csv(shown, tags),
        file_name="curves.csv",
        mime="text/csv",
        icon=":material/download:",
        key="curves-csv",
        help=f"{num_points:,} points are too many for the browser: use peft-studio curves." if is_much else help_text,
        disabled=is_much,
        on_click="ignore",
    )


def _groups(sources: Sequence[ShownSource], by: str) -> None:
    """How much stands behind each mean."""
    if not by:
        return
    sizes = [len(one.sources) for one in group({source.id: source.settings for source in sources}, by)]
    means = sum(size > 1 for size in sizes)
    alone = len(sizes) - means
    parts = [
        f"{means:,} with several runs: mean and band" if means else "",
        f"{alone:,} with one run: no spread known" if alone else "",
    ]
    st.caption(
        f"{len(sizes):,} {'group' if len(sizes) == 1 else 'groups'}. {'; '.join(part for part in parts if part)}."
    )


def _pin_of(charts: Sequence[Chart]) -> Callable[[str], None]:
    """What a click on a chart's pin does: pins its first tag, or takes the pins of all its tags away."""
    tags = {chart.id: {line.tag for line in chart.lines} for chart in charts}

    def toggle(chart_id: str) -> None:
        key = curve_address.key_of("pins")
        pins = [str(pin) for pin in widget_value(key) or []]
        own = tags.get(chart_id, {chart_id})
        kept = [pin for pin in pins if pin not in own] if own & set(pins) else [*pins, chart_id]
        show_in_widget(key, kept[:MAX_PINS])

    return toggle
