"""All runs as one table in which rows can be selected, and groups of them as another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import is_

import pyarrow as pa
import streamlit as st

from app.components.run_dots import DOT_COLUMN, dot
from app.palette import palette
from backend.domain.metric_goals import Goal, goal_of
from backend.domain.run_columns import NOTHING, OWN, Cell, RunFacts, cell, title
from backend.domain.run_finding import AllFacts, RunGroup, numbers
from backend.domain.run_view import RunView

HEIGHT_PIXELS = 460
MAX_ROWS_WHOLE = 10
SMALL = 1e-3
_KNOWN = {
    "state": st.column_config.TextColumn("State", width=75),
    "step": st.column_config.TextColumn("Step", width=95, help="Done and planned optimizer steps."),
    "progress": st.column_config.ProgressColumn("Progress", format="percent", min_value=0, max_value=1, width=95),
    "method": st.column_config.TextColumn("Method", width=62),
    "base_model": st.column_config.TextColumn("Base model", width=95),
    "dataset": st.column_config.TextColumn("Dataset", width=110),
    "created": st.column_config.DatetimeColumn("Created", format="distance", width=108),
    "updated": st.column_config.DatetimeColumn("Changed", format="distance", width=108),
    "message": st.column_config.TextColumn("Message", width=380),
    "tags": st.column_config.ListColumn("Tags", width=140),
}


def run_table(
    views: Sequence[RunView], colors: Mapping[str, int], facts: AllFacts, columns: Sequence[str]
) -> list[RunView]:
    """Draw the runs, `colors` by id; those whose rows are selected.

    The table's key has the ids in it: when a run comes or goes, rows mean other runs, so the selection ends.
    """
    wanted = tuple(column for column in dict.fromkeys(columns) if column != "name")
    table, config = _table(views, colors, facts, wanted)
    key = f"runs-table-{hash(tuple(view.id for view in views))}"
    return [views[row] for row in _selected(table, config, key, f"{len(views)} runs")]


def _selected(table: pa.Table, config: Mapping[str, object], key: str, alt: str) -> list[int]:
    """Draw a table in which several rows can be selected; those that are."""
    event = st.dataframe(  # type: ignore[call-overload]  # column_config is a mapping of column types
        table,
        key=key,
        hide_index=True,
        height=HEIGHT_PIXELS if table.num_rows > MAX_ROWS_WHOLE else "auto",
        column_config=config,
        placeholder="",
        on_select="rerun",
        selection_mode="multi-row",
        alt=alt,
    )
    return [row for row in sorted(event.selection.rows) if row < table.num_rows]


def _table(
    views: Sequence[RunView], colors: Mapping[str, int], facts: AllFacts, wanted: Sequence[str]
) -> tuple[pa.Table, dict[str, object]]:
    """What is drawn, and how; a click that changes neither runs nor columns gets what was made before."""
    own = [facts.get(view.id, NOTHING) for view in views]
    key = hash((*map(id, views), *map(id, own), *wanted, *colors.values(), palette()))
    made = _made(key, views, own, colors, wanted)
    is_same = len(made.views) == len(views) and all(map(is_, (*made.views, *made.facts), (*views, *own)))
    return (made if is_same else _make(views, own, colors, wanted)).drawn


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """Keeps what it was made of: while it lives, nothing else can have the same identities."""

    views: tuple[RunView, ...]
    facts: tuple[RunFacts, ...]
    drawn: tuple[pa.Table, dict[str, object]]


@st.cache_resource(max_entries=16, show_spinner=False)
def _made(
    key: int,  # noqa: ARG001 - the only part of the cache's key
    _views: Sequence[RunView],
    _facts: Sequence[RunFacts],
    _colors: Mapping[str, int],
    _wanted: Sequence[str],
) -> _Made:
    return _make(_views, _facts, _colors, _wanted)


def _make(
    views: Sequence[RunView], facts: Sequence[RunFacts], colors: Mapping[str, int], wanted: Sequence[str]
) -> _Made:
    values = {column: _values(views, facts, column) for column in wanted}
    config: dict[str, object] = {
        "color": DOT_COLUMN,
        "name": st.column_config.TextColumn("Name", width=135, pinned=True),
    }
    config |= {column: _KNOWN.get(column) or _config(column, values[column]) for column in wanted}
    pictures = {color: dot(color) for color in set(colors.values())}
    table = {
        "color": [pictures[colors[view.id]] for view in views],
        "name": [view.name for view in views],
        **{column: _array(column, values[column]) for column in wanted},
    }
    return _Made(tuple(views), tuple(facts), (pa.table(table), config))


def group_table(groups: Sequence[RunGroup], facts: AllFacts, by: str, columns: Sequence[str]) -> list[RunGroup]:
    """A row for each group, with how many of its runs are where; the groups whose rows are selected.

    Of metrics the best last value is shown, as far as it is known which values are better.
    """
    table: dict[str, pa.Array] = {
        "group": pa.array([group.name for group in groups]),
        "Runs": pa.array([len(group.views) for group in groups], pa.int64()),
        "Active": pa.array([group.count("active") for group in groups], pa.int64()),
        "Paused": pa.array([group.count("paused") for group in groups], pa.int64()),
        "Finished": pa.array([group.count("finished") for group in groups], pa.int64()),
        "Stopped": pa.array([group.count("stopped") for group in groups], pa.int64()),
        "Failed": pa.array([group.count("failed") for group in groups], pa.int64()),
    }
    config: dict[str, object] = {"group": st.column_config.TextColumn(title(by), pinned=True, width="medium")}
    for column in columns:
        goal = goal_of(column)
        if column not in OWN and goal is not Goal.UNKNOWN:
            best = min if goal is Goal.LOWER else max
            values = [best(found, default=None) for group in groups for found in [numbers(group, facts, column)]]
            table[column] = pa.array(values, pa.float64())
            config[column] = st.column_config.NumberColumn(f"{column}, {best.__name__}imum", format="%.5g")
    key = f"runs-groups-{hash(tuple(group.name for group in groups))}"
    return [groups[row] for row in _selected(pa.table(table), config, key, f"{len(groups)} groups of runs")]


def _values(views: Sequence[RunView], facts: Sequence[RunFacts], column: str) -> list[Cell]:
    if column == "step":
        return [f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "-" for view in views]
    return [cell(view, own, column) for view, own in zip(views, facts, strict=True)]


def _array(column: str, values: Sequence[Cell]) -> pa.Array:
    """Numbers as numbers, so that they align and sort; where texts stand among them, everything as text."""
    if column == "tags":
        split = [str(value).split(", ") if value else [] for value in values]
        return pa.array(split, pa.list_(pa.string()))
    if _are(values, datetime):
        return pa.array(values, pa.timestamp("ms", tz="UTC"))
    if _are(values, float):
        return pa.array(values, pa.float64())
    return pa.array([_text(value) for value in values], pa.string())


def _config(column: str, values: Sequence[Cell]) -> object:
    known = [abs(value) for value in values if isinstance(value, float)]
    if not known or not _are(values, float):
        return st.column_config.TextColumn(title(column))
    if all(value.is_integer() for value in known):
        return st.column_config.NumberColumn(title(column), format="%d")
    smallest = min((value for value in known if value), default=1.0)
    return st.column_config.NumberColumn(title(column), format="scientific" if smallest < SMALL else "%.5g")


def _are(values: Sequence[Cell], kind: type) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, kind) for value in known)


def _text(value: Cell) -> str | None:
    return f"{value:g}" if isinstance(value, float) else None if value is None else str(value)
