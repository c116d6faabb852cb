"""The hparams table: a row for each run, sortable by what differs and by what came out."""

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from app.components.run_dots import DOT_COLUMN, dot
from backend.domain.comparison import Comparison
from backend.domain.hparams import Column, HparamsTable

HEIGHT_PIXELS, MAX_ROWS_WHOLE = 460, 10
SMALL = 1e-3


def hparams_grid(found: Comparison, table: HparamsTable, colors: Sequence[int]) -> None:
    """Draw it; numbers sort as numbers. What is not finite is an empty cell, and said in the last column."""
    columns: dict[str, pa.Array] = {
        "color": pa.array([dot(color) for color in colors]),
        "name": pa.array(list(found.labels)),
    }
    config: dict[str, object] = {
        "color": DOT_COLUMN,
        "name": st.column_config.TextColumn("Run", pinned=True, width="medium"),
    }
    for place, column in enumerate(table.columns):
        columns[str(place)] = pa.array(column.cells, pa.float64() if column.is_number else pa.string())
        config[str(place)] = _config(column)
    remarks = [_remark(found, place, table) for place in range(len(found.runs))]
    if any(remarks):
        columns["remarks"] = pa.array(remarks)
        config["remarks"] = st.column_config.TextColumn("Remarks", width="large")
    st.dataframe(
        pa.table(columns),
        key="compare-hparams",
        hide_index=True,
        column_config=config,  # type: ignore[arg-type]  # a mapping of column types
        height=HEIGHT_PIXELS if len(found.runs) > MAX_ROWS_WHOLE else "content",
        alt=f"{len(found.runs)} runs with {len(table.columns)} settings and metrics",
    )


def _config(column: Column) -> object:
    if not column.is_number:
        return st.column_config.TextColumn(column.name)
    numbers = [cell for cell in column.cells if isinstance(cell, float)]
    if numbers and all(number.is_integer() for number in numbers):
        return st.column_config.NumberColumn(column.name, format="%d")
    smallest = min((abs(number) for number in numbers if number), default=1.0)
    form = "scientific" if smallest < SMALL else "%.5g"
    return st.column_config.NumberColumn(column.name, format=form)


def _remark(found: Comparison, place: int, table: HparamsTable) -> str:
    one = found.runs[place]
    told = ["settings cannot be read"] if place in table.unreadable else []
    told += [
        f"{column.name} is not finite or not measured there"
        for column in table.columns
        if column.is_metric and column.cells[place] is None
    ]
    return "; ".join([*told, *(f"changed: {change}" for change in one.changed)])
