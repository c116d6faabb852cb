"""Runs side by side in tables: what came out, and what they were told."""

from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import streamlit as st

from app.components.durations import in_words
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.comparison import Comparison, Facts, MetricComparison, facts
from backend.domain.comparison_text import metric_rows
from backend.domain.hparams import words

ROW_PIXELS, MOST_ROWS, FIRST_PIXELS = 35, 24, 250
JOULES_PER_WATT_HOUR = 3600
ROOMY, NARROW_PIXELS = 4, 140  # up to so many runs columns share the room; more are this narrow
Row = tuple[str, Sequence[str]]


def results_table(found: Comparison, metrics: Sequence[MetricComparison], now: datetime) -> None:
    """How each run went and what came out, a column for each run."""
    told = [facts(one, now) for one in found.runs]
    rows: list[Row] = [
        ("State", [one.run.state.value for one in found.runs]),
        ("Attempts", [f"{one.num_attempts:,}" for one in told]),
        ("Duration, all attempts", [_duration(one) for one in told]),
        ("Tokens per second, median", [_speed(one) for one in told]),
        ("Memory, peak", [_memory(one) for one in told]),
    ]
    if any(one.energy_joules is not None for one in told):
        rows.append(("Energy, measured", [_energy(one) for one in told]))
    rows += [row for metric in metrics for row in metric_rows(metric)]
    _draw(rows, found.labels, "What came out", "Measured")


def settings_table(found: Comparison) -> None:
    """What differs, and how much is the same; knobs that only some methods have on request."""
    diff = found.diff
    labels = [found.labels[place] for place in found.readable]
    own = [row for row in diff.differences if not row.is_choice_alone]
    by_choice = [row for row in diff.differences if row.is_choice_alone]
    shown = own
    if by_choice and st.toggle(
        f"Also the knobs that only some have, at their defaults ({len(by_choice):,})", key="compare-all-knobs"
    ):
        shown = list(diff.differences)
    if shown:
        _draw(
            [(row.key, [words(value) for value in row.values]) for row in shown],
            labels,
            "Settings that differ",
            "Setting",
        )
    else:
        st.info("Nothing that they were told differs.", icon=":material/equal:")
    st.caption(f"{diff.num_equal:,} other settings are equal; what was omitted counts with its default.")
    _notes(found)


def _notes(found: Comparison) -> None:
    for label, one in zip(found.labels, found.runs, strict=True):
        for change in one.changed:
            st.caption(f":material/edit_note: {escape(label)} was changed after its start: {escape(change)}")
        if one.problem:
            st.warning(
                f"The settings of {escape(label)} are not compared. {escape(one.problem)}", icon=":material/warning:"
            )


def _draw(rows: Sequence[Row], labels: Sequence[str], alt: str, first: str) -> None:
    """Columns are numbered inside, for two runs may be called alike, or as the first column is."""
    width = NARROW_PIXELS if len(labels) > ROOMY else None
    columns = {"rows": [label for label, _ in rows]}
    columns |= {str(place): [cells[place] for _, cells in rows] for place in range(len(labels))}
    st.dataframe(
        pa.table(columns),
        hide_index=True,
        column_config={
            "rows": st.column_config.TextColumn(first, pinned=True, width=FIRST_PIXELS),
            **{str(place): st.column_config.TextColumn(label, width=width) for place, label in enumerate(labels)},
        },
        height=ROW_PIXELS * MOST_ROWS if len(rows) >= MOST_ROWS else "content",
        alt=f"{alt}: {len(rows)} rows, a column for each of {len(labels)} runs",
    )


def _duration(one: Facts) -> str:
    return "not known" if one.duration_seconds is None else in_words(one.duration_seconds)


def _speed(one: Facts) -> str:
    return "not measured" if one.tokens_per_second is None else f"{one.tokens_per_second:,.0f}"


def _energy(one: Facts) -> str:
    return "not measured" if one.energy_joules is None else f"{one.energy_joules / JOULES_PER_WATT_HOUR:,.3g} Wh"


def _memory(one: Facts) -> str:
    if one.memory is None:
        return "not measured"
    tag, size = one.memory
    where = tag.removesuffix("/memory_bytes") if tag.startswith("gpu/") else "main memory"
    return f"{in_bytes(size)} ({where})"
