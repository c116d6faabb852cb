"""All runs as one table in which rows can be selected."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import pyarrow as pa
import streamlit as st

from app.components.run_dots import DOT_COLUMN, dot
from backend.domain.run_view import RunView
from config.catalog import SAMPLE_PREFIX

HEIGHT_PIXELS = 460
MAX_ROWS_WHOLE = 10
_COLUMNS = {
    "color": DOT_COLUMN,
    "name": st.column_config.TextColumn("Name", width=160),
    "state": st.column_config.TextColumn("State", width=80),
    "step": st.column_config.TextColumn("Step", width=95, help="Done and planned optimizer steps."),
    "progress": st.column_config.ProgressColumn("Progress", format="percent", min_value=0, max_value=1, width=100),
    "method": st.column_config.TextColumn("Method", width=65),
    "base_model": st.column_config.TextColumn("Base model", width=105),
    "dataset": st.column_config.TextColumn("Dataset", width=120),
    "created": st.column_config.DatetimeColumn("Created", format="distance", width=120),
    "message": st.column_config.TextColumn("Message", width=380),
    "tags": st.column_config.ListColumn("Tags", width=140),
}


def run_table(views: Sequence[RunView], colors: Mapping[str, int]) -> list[RunView]:
    """Draw the runs, `colors` by id; those whose rows are selected.

    The table's key has the ids in it: when a run comes or goes, rows mean other runs, so the selection ends.
    """
    ids = tuple(view.id for view in views)
    event = st.dataframe(
        _table(views, colors),
        key=f"runs-table-{hash(ids)}",
        hide_index=True,
        height=HEIGHT_PIXELS if len(views) > MAX_ROWS_WHOLE else "auto",
        column_config=_COLUMNS,
        on_select="rerun",
        selection_mode="multi-row",
        alt=f"{len(views)} runs, newest first",
    )
    return [views[row] for row in sorted(event.selection.rows) if row < len(views)]


def _table(views: Sequence[RunView], colors: Mapping[str, int]) -> pa.Table:
    return pa.table(
        {
            "color": [dot(colors[view.id]) for view in views],
            "name": [view.name for view in views],
            "state": [view.state.value for view in views],
            "step": [f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "-" for view in views],
            "progress": pa.array([view.progress for view in views], pa.float32()),
            "method": [view.run.method for view in views],
            "base_model": [_short(view.run.base_model) for view in views],
            "dataset": [_short(view.run.dataset) for view in views],
            "created": pa.array([view.run.created_at for view in views], pa.timestamp("ms", tz="UTC")),
            "message": [view.run.message for view in views],
            "tags": pa.array([list(view.run.tags) for view in views], pa.list_(pa.string())),
        }
    )


def _short(path: str) -> str:
    """The last part of an absolute path; names, hub ids and samples as they are."""
    return PurePath(path).name if path.startswith("/") and not path.startswith(SAMPLE_PREFIX) else path
