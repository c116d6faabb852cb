"""Rows: page through them, search, one in full, and how columns become a conversation."""

import json
from collections.abc import Sequence

import streamlit as st

from app.components.dataset_look import draw_example
from app.components.error_box import error_box
from app.components.job_box import answer_of
from app.components.markdown_escape import escape
from app.components.row_table import row_table
from app.dataset_pages.mapping import mapping
from app.dataset_pages.opened import Opened, go_to, row_input
from app.session import widget_value
from backend.data.examples import Example
from backend.data.formats import Format
from backend.data.row_search import Found, PatternRefused, Wanted
from backend.data.row_table import KeptRow
from backend.errors import DataError
from backend.services.dataset_making import format_of
from backend.services.jobs import Job

PAGE_ROWS = 25
RAW, SAID = "Columns", "Conversation"


def draw(opened: Opened) -> None:
    """Search and the page of rows, then one row in full, then the mapping."""
    chosen = _format(opened)
    positions, told = _searched(opened)
    total = len(opened.table) if positions is None else len(positions)
    if told:
        st.caption(escape(told))
    if total:
        _page(opened, chosen, positions, total)
        _one(opened, chosen)
    with st.expander("Format and columns", icon=":material/view_column:", expanded=chosen is None):
        mapping(opened, chosen)


def _format(opened: Opened) -> Format | None:
    try:
        return format_of(opened.part, opened.table)
    except DataError as error:
        error_box(error.explain())
        return None


def _searched(opened: Opened) -> tuple[Sequence[int] | None, str]:
    """The positions that were found, None for all rows, and a sentence."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Find rows",
            key="find",
            bind="query-params",
            type="search",
            placeholder="Text in any column",
            width=320,
            help="Looks into the values of all columns.",
        )
        st.toggle("Regular expression", key="pattern", bind="query-params", help="A pattern that runs too long ends.")
        st.toggle("Match case", key="case", bind="query-params")
    text = str(widget_value("find") or "")
    if not text:
        return None, ""
    wanted = Wanted(text, bool(widget_value("pattern")), bool(widget_value("case")))
    try:
        found = opened.desk.search(opened.part, wanted)
    except PatternRefused as error:
        error_box(error.explain())
        return (), ""
    if isinstance(found, Job):
        found = answer_of(found, lambda: opened.desk.search(opened.part, wanted), "search")
    if not isinstance(found, Found):
        return (), ""
    more = "" if found.is_complete else " or more"
    return found.positions, f"{len(found.positions):,}{more} of {len(opened.table):,} rows have it."


def _page(opened: Opened, chosen: Format | None, positions: Sequence[int] | None, total: int) -> None:
    pages = -(-total // PAGE_ROWS)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        page = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
        view = st.segmented_control(
            "Show rows as", [RAW, SAID], default=RAW, key="as", required=True, label_visibility="collapsed"
        )
    start = (min(page, pages) - 1) * PAGE_ROWS
    if positions is None:
        rows = opened.table.rows(start, PAGE_ROWS)
    else:
        rows = [row for at in positions[start : start + PAGE_ROWS] for row in opened.table.rows(at, 1)]
    examples = [_example(opened, chosen, row) for row in rows] if view == SAID else None
    names = [opened.name(row.source, row.number) for row in rows]
    row_table(rows, names, examples, go_to, f"rows-{start}-{view}")


def _one(opened: Opened, chosen: Format | None) -> None:
    st.header("One row", anchor=False)
    at = row_input(opened, "row-of-rows")
    found = opened.table.rows(at, 1)
    if not found:
        return
    row = found[0]
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**As it is written**")
        if row.problem:
            st.error(escape(f"Row {opened.name(row.source, row.number)} cannot be read: {row.problem}."))
        else:
            st.code(json.dumps(row.fields, ensure_ascii=False, indent=1), language="json", wrap_lines=True)
    with right:
        st.markdown("**As the model learns it**")
        example = _example(opened, chosen, row)
        if isinstance(example, str):
            st.warning(escape(f"It cannot be used: {example}."), icon=":material/warning:")
        else:
            draw_example(example)
    st.button(
        "Look at its tokens",
        icon=":material/biotech:",
        key="row-tokens",
        on_click=go_to,
        args=(at, "tokens"),
    )


def _example(opened: Opened, chosen: Format | None, row: KeptRow) -> Example | str:
    """The example of a row, or what is wrong with it."""
    if row.problem:
        return row.problem
    return "its format is not known" if chosen is None else chosen.read(row.fields, opened.part.columns)
