"""All datasets as a table, and a field to open one."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import streamlit as st

from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from app.session import widget_value
from backend.services.dataset_desk import DatasetFacts
from backend.services.dataset_registry import Listed

OPEN = "datasets-open"
_COLUMNS = {
    "name": st.column_config.TextColumn("Name", width=195),
    "kind": st.column_config.TextColumn("Where", width=120),
    "rows": st.column_config.NumberColumn("Rows", format="localized", width=70),
    "size": st.column_config.TextColumn("Size", width=85, alignment="right"),
    "format": st.column_config.TextColumn("Format", width=130),
    "modified": st.column_config.DatetimeColumn("Changed", format="distance", width=115),
    "runs": st.column_config.NumberColumn("Runs", format="localized", width=60, help="Runs with it as their first."),
    "problem": st.column_config.TextColumn("Problem", width=260),
}


def dataset_list(
    listed: Sequence[Listed], facts: Sequence[DatasetFacts], uses: Sequence[int], open_one: Callable[[str], None]
) -> None:
    """Draw them; `open_one` is called with the path of the one that was chosen."""
    names = {one.path: f"{one.name} ({one.kind.value})" for one in listed}

    def chosen() -> None:
        if path := widget_value(OPEN):
            open_one(str(path))

    st.selectbox(
        "Open a dataset",
        list(names),
        index=None,
        format_func=lambda path: names.get(path, path),
        key=OPEN,
        placeholder="Type to search, or choose a row of the table",
        on_change=chosen,
        width=420,
    )
    table_key = f"datasets-table-{hash(tuple(names))}"

    def clicked() -> None:
        rows = widget_value(table_key).selection.rows
        if rows and rows[0] < len(listed):
            open_one(listed[rows[0]].path)

    st.dataframe(
        _table(listed, facts, uses),
        key=table_key,
        hide_index=True,
        column_config=_COLUMNS,
        column_order=[name for name in _COLUMNS if name != "problem" or any(each.problem for each in facts)],
        height="auto",
        on_select=clicked,
        selection_mode="single-row",
        alt=f"{len(listed)} datasets with size, rows, format and use",
    )
    for one, each in zip(listed, facts, strict=True):
        if each.problem:
            st.caption(escape(f"{one.name}: {each.problem}."))


def _table(listed: Sequence[Listed], facts: Sequence[DatasetFacts], uses: Sequence[int]) -> pa.Table:
    return pa.table(
        {
            "name": [one.name for one in listed],
            "kind": [one.kind.value for one in listed],
            "rows": pa.array([each.num_rows for each in facts], pa.int64()),
            "size": ["-" if each.size_bytes is None else in_bytes(each.size_bytes) for each in facts],
            "format": [each.format or "-" for each in facts],
            "modified": pa.array([each.modified for each in facts], pa.timestamp("ms", tz="UTC")),
            "runs": pa.array(uses, pa.int64()),
            "problem": [each.problem for each in facts],
        }
    )
