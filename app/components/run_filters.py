"""What a person filters runs by, and how their table looks; all of it is in the address, so that a link restores it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import streamlit as st

from app.session import show_in_widget, widget_value
from backend.domain.application_state import RunsLook
from backend.domain.run_columns import DEFAULT
from backend.domain.run_finding import STATES, RunFilter

MOST_COLUMNS = 20
UNGROUPED = "nothing"
GROUPS = (UNGROUPED, "tags", "state", "method", "base_model", "dataset", "created")
NO_GROUPS = frozenset({"step", "progress", "updated", "message", "notes", "id"})  # nearly each run has its own
CONDITIONS = ("tag", "method", "model", "data", "since", "until")
_COLUMNS, _SORT, _ASCENDING = "columns", "sort", "ascending"


@dataclass(frozen=True, slots=True)
class Offered:
    """What can be chosen: what the runs have, and every column that there is."""

    tags: Sequence[str]
    methods: Sequence[str]
    models: Sequence[str]
    datasets: Sequence[str]
    columns: Sequence[str]


def run_filters(offered: Offered, remembered: RunsLook) -> tuple[RunFilter, RunsLook, str]:
    """The filter, the look, and what the runs are grouped by, "" for nothing."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = st.radio("State", STATES, key="status", bind="query-params", horizontal=True)
        text = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            type="search",
            live="300ms",
            placeholder="Name, notes, id, tag, any setting such as batch_size=8",
            width=300,
        )
        with st.popover("Filters", icon=":material/filter_alt:", key="runs-filters"):
            wanted = _conditions(offered, str(state), tuple((text or "").split()))
        with st.popover("Columns", icon=":material/view_column:", key="runs-look"):
            look = _look(offered.columns, remembered)
        by = st.selectbox(
            "Group by",
            [*GROUPS, *(column for column in offered.columns if column not in NO_GROUPS.union(GROUPS))],
            key="group",
            bind="query-params",
            width=180,
            help="A sweep is a tag. Groups show how many of their runs are where, and can be selected as a whole.",
        )
    _told(wanted)
    return wanted, look, "" if by == UNGROUPED else str(by)


def _conditions(offered: Offered, state: str, words: tuple[str, ...]) -> RunFilter:
    tags = _several("With all of these tags", "tag", offered.tags)
    methods = _several("One of these methods", "method", offered.methods)
    models = _several("One of these base models", "model", offered.models)
    datasets = _several("One of these datasets", "data", offered.datasets)
    left, right = st.columns(2)
    since = left.date_input("Created from", None, key="since", bind="query-params")
    until = right.date_input("Created until", None, key="until", bind="query-params")
    return RunFilter(state, words, tags, methods, models, datasets, _day(since), _day(until))


def _several(label: str, key: str, options: Sequence[str]) -> tuple[str, ...]:
    chosen = st.multiselect(label, options, key=key, bind="query-params", placeholder="Any")
    return tuple(str(one) for one in chosen)


def _look(columns: Sequence[str], remembered: RunsLook) -> RunsLook:
    """What was chosen last stands in the widgets at first, unless the address says something else."""
    is_seeded = _seed(_COLUMNS, list(remembered.columns), list(DEFAULT))
    _seed(_SORT, remembered.sort, "created")
    _seed(_ASCENDING, remembered.is_ascending, False)
    chosen = st.multiselect(
        "Columns after the name",
        list(dict.fromkeys([*columns, *remembered.columns])),
        default=None if is_seeded else DEFAULT,
        key=_COLUMNS,
        bind="query-params",
        accept_new_options=True,
        max_selections=MOST_COLUMNS,
        placeholder="Facts, metrics, any setting",
        help="In this order. Metrics show their last value.",
    )
    sort = st.selectbox(
        "Sort by",
        list(dict.fromkeys(["created", "name", *columns, remembered.sort])),
        key=_SORT,
        bind="query-params",
        accept_new_options=True,
    )
    is_ascending = st.toggle("Smallest or oldest first", key=_ASCENDING, bind="query-params")
    return RunsLook(tuple(str(one)[:200] for one in chosen), str(sort or "created")[:200], bool(is_ascending))


def _seed(key: str, value: object, default: object) -> bool:
    """Have a widget begin with what is remembered; whether it does in this run."""
    is_first = widget_value(key) is None and key not in st.query_params
    if is_first and value != default:
        show_in_widget(key, value)
        return True
    return False


def _told(wanted: RunFilter) -> None:
    """What hides runs without being seen, and the way out of it."""
    if not wanted.num_hidden:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="runs-conditions"):
        lists = {"tags": wanted.tags, "method": wanted.methods, "model": wanted.models, "dataset": wanted.datasets}
        told = [f"{name} {', '.join(values)}" for name, values in lists.items() if values]
        told += [f"from {wanted.since}"] if wanted.since else []
        told += [f"until {wanted.until}"] if wanted.until else []
        st.text("Filtered by " + "; ".join(told))
        st.button("Clear the filters", icon=":material/filter_alt_off:", key="runs-clear", on_click=_clear)


def _clear() -> None:
    for key in CONDITIONS:
        show_in_widget(key, None if key in ("since", "until") else [])


def _day(value: object) -> date | None:
    return value if isinstance(value, date) else None
