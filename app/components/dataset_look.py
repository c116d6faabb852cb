"""What is in a dataset: counts, problems with their line numbers, the first rows and how they are read."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import streamlit as st

from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.data.examples import Conversation, Example, PlainText
from backend.data.inspection import DatasetSummary
from backend.data.packing import texts_of

MAX_CELL_CHARACTERS = 500


def draw_dataset(summary: DatasetSummary) -> None:
    """All of it, problems before rows."""
    with st.container(horizontal=True, key="dataset-facts"):
        st.badge(f"{summary.num_rows:,} rows", icon=":material/table_rows:", color="gray")
        st.badge(f"format {escape(summary.format)}", icon=":material/category:", color="gray")
        st.badge(in_bytes(summary.size_bytes), icon=":material/description:", color="gray")
        if summary.num_duplicates:
            st.badge(f"{summary.num_duplicates:,} duplicates", icon=":material/content_copy:", color="orange")
    if summary.num_problems:
        _problems(summary)
    if summary.remarks:
        st.caption(escape(" ".join(f"{remark}." for remark in summary.remarks)))
    if summary.first_rows:
        st.dataframe(
            _table([_cells(row) for row in summary.first_rows]),
            hide_index=True,
            height=min(260, 40 + 35 * len(summary.first_rows)),
            alt=f"The first {len(summary.first_rows)} rows of the dataset",
        )
        with st.expander("The first row as the model reads it", icon=":material/visibility:"):
            for example in summary.examples[:1]:
                draw_example(example)


def draw_example(example: Example) -> None:
    """Its turns, each under its role, or its texts."""
    match example:
        case Conversation(turns=turns):
            for turn in turns:
                st.caption(escape(turn.role.capitalize()))
                st.code(turn.content, language=None, wrap_lines=True)
        case PlainText(text=text):
            st.code(text, language=None, wrap_lines=True)
        case _:
            for text in texts_of(example):
                st.code(text, language=None, wrap_lines=True)


def _problems(summary: DatasetSummary) -> None:
    text = f"{summary.num_problems:,} rows cannot be used" if summary.num_problems > 1 else "1 row cannot be used"
    st.error(f"{text}. Correct or remove them.", icon=":material/error:")
    st.dataframe(
        {
            "Line": [problem.number for problem in summary.problems],
            "Problem": [problem.message for problem in summary.problems],
        }
        | ({"File": [problem.source for problem in summary.problems]} if summary.problems[0].source else {}),
        hide_index=True,
        column_config={"Problem": st.column_config.TextColumn(width="large")},
        alt="Rows that cannot be used, with their line numbers",
    )
    if summary.num_problems > len(summary.problems):
        st.caption(escape(f"The first {len(summary.problems)} of {summary.num_problems:,}."))


def _table(rows: Sequence[Mapping[str, str]]) -> pa.Table:
    """In the form that the browser gets: a list would be made into a frame of pandas before, at each draw."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _cells(row: Mapping[str, object]) -> dict[str, str]:
    return {str(name): _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_CELL_CHARACTERS else text[:MAX_CELL_CHARACTERS] + "..."
