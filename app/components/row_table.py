"""A page of rows as a table in which one can be chosen."""

import json
from collections.abc import Callable, Sequence

import streamlit as st

from app.session import widget_value
from backend.data.examples import Conversation, Example
from backend.data.packing import texts_of
from backend.data.row_table import KeptRow

MAX_CELL = 300
MAX_COLUMNS = 30
ROW = "row"


def row_table(
    rows: Sequence[KeptRow],
    names: Sequence[int | str],
    examples: Sequence[Example | str] | None,
    open_row: Callable[[int], None],
    key: str,
) -> None:
    """Draw rows by their columns, or their `examples`; `open_row` gets the position of a row that is chosen."""

    def chosen() -> None:
        held = widget_value(key).selection.rows
        if held and held[0] < len(rows):
            open_row(rows[held[0]].position)

    st.dataframe(
        [_cells(row, name) for row, name in zip(rows, names, strict=True)]
        if examples is None
        else [_said(name, example) for name, example in zip(names, examples, strict=True)],
        key=key,
        hide_index=True,
        height="auto",
        column_config={ROW: st.column_config.Column("Row", width=70, pinned=True)},
        on_select=chosen,
        selection_mode="single-row",
        alt=f"{len(rows)} rows of the dataset, from row {names[0]} to row {names[-1]}" if rows else "No rows",
    )


def _cells(row: KeptRow, name: int | str) -> dict[str, object]:
    cells: dict[str, object] = {ROW: name}
    if row.problem:
        return cells | {"problem": row.problem}
    for column, value in list(row.fields.items())[:MAX_COLUMNS]:
        cells[column if column != ROW else f"{ROW} "] = _short(value)
    return cells


def _said(name: int | str, example: Example | str) -> dict[str, object]:
    if isinstance(example, str):
        return {ROW: name, "problem": example}
    if isinstance(example, Conversation):
        asked = [turn.content for turn in example.turns if turn.role != "assistant"]
        answered = [turn.content for turn in example.turns if turn.role == "assistant"]
        question, answer = _short(" / ".join(asked)), _short(" / ".join(answered))
        return {ROW: name, "turns": len(example.turns), "question": question, "answer": answer}
    return {ROW: name, "text": _short(" / ".join(texts_of(example)))}


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_CELL else text[:MAX_CELL] + "..."
