"""What has to be told beside curves: where they come from, what was unreadable, ignored, repeated or is missing."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import streamlit as st

from app.components.error_box import warning_box
from app.components.markdown_escape import escape
from app.components.run_dots import DOT_COLUMN, dot
from backend.domain.board import XAxis
from backend.domain.curves import Curves
from backend.services.shown_curves import Missing, Shown

MOST_TOLD = 5  # damaged places; the others are counted
AXIS_TAGS = {XAxis.TOKENS: "train/num_tokens", XAxis.EPOCH: "train/epoch"}
_COLUMNS = {
    "color": DOT_COLUMN,
    "name": st.column_config.TextColumn("Run", width=260),
    "state": st.column_config.TextColumn("State", width=90),
    "curves": st.column_config.NumberColumn("Curves", width=75),
    "points": st.column_config.NumberColumn("Points", format="localized", width=95),
    "last": st.column_config.NumberColumn("Last step", format="localized", width=95),
    "restarts": st.column_config.NumberColumn("Restarts", width=80),
    "source": st.column_config.TextColumn("Source", width=300),
}


def shown_table(shown: Sequence[Shown]) -> None:
    """Whose curves these are, with their colours and states."""
    st.dataframe(
        _table(shown), hide_index=True, column_config=_COLUMNS, alt=f"{len(shown)} runs whose curves are shown"
    )


def draw_missing(missing: Sequence[Missing]) -> None:
    """What was asked for and is not there."""
    for one in missing[:MOST_TOLD]:
        warning_box(one.error)
    if len(missing) > MOST_TOLD:
        st.caption(f"{len(missing) - MOST_TOLD:,} more could not be shown.")


def draw_damage(named: Mapping[str, Curves]) -> None:
    """Bytes that could not be read and points that were left out, by the names of their runs."""
    damage = [(name, found) for name, curves in named.items() for found in curves.damage]
    if damage:
        lines = [
            f"{name}: unreadable from byte {found.first_byte:,} to {found.last_byte:,} of {found.file}"
            for name, found in damage[:MOST_TOLD]
        ]
        if len(damage) > MOST_TOLD:
            lines.append(f"and {len(damage) - MOST_TOLD:,} more places")
        told = "  \n".join(map(escape, lines))
        st.warning(
            f"Event files are damaged; the points around the damage are shown.\n\n{told}", icon=":material/warning:"
        )
    ignored = {name: curves.num_ignored_points for name, curves in named.items() if curves.num_ignored_points}
    for name, number in list(ignored.items())[:MOST_TOLD]:
        st.caption(escape(f"{name}: {number:,} points were ignored; their tags are too long or too many."))


def axis_problem(shown: Sequence[Shown], axis: XAxis) -> str:
    """Why some runs, or all, cannot be drawn over an axis; "" if all can."""
    tag = AXIS_TAGS.get(axis)
    without = [one for one in shown if tag is not None and tag not in one.curves.series]
    if not without:
        return ""
    if len(without) == len(shown):
        return f"Drawn over steps: none of these runs has written {tag}."
    return f"{len(without):,} of {len(shown):,} runs have not written {tag}, and are not drawn."


def _table(shown: Sequence[Shown]) -> pa.Table:
    return pa.table(
        {
            "color": [dot(one.source.color) for one in shown],
            "name": [one.source.label for one in shown],
            "state": [one.run.state.value if one.run else "foreign" for one in shown],
            "curves": [len(one.curves.series) for one in shown],
            "points": [sum(map(len, one.curves.series.values())) for one in shown],
            "last": [_last_step(one.curves) for one in shown],
            "restarts": [len(one.curves.restarts) for one in shown],
            "source": [one.source.id for one in shown],
        }
    )


def _last_step(curves: Curves) -> int | None:
    return max((int(series.steps[-1]) for series in curves.series.values() if len(series)), default=None)
