"""Tokens: the mask microscope. What training makes of a row, by the real tokenizer and the real loss mask."""

from collections.abc import Sequence

import streamlit as st

from app.components.error_box import error_box
from app.components.findings_list import findings_list
from app.components.job_box import answer_of
from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from app.components.token_view import counts, token_view
from app.dataset_pages.asking import MAX_ROW_BYTES, is_shown, question, with_rows
from app.dataset_pages.opened import Opened, go_to, row_input
from app.notices import attempt
from backend.domain.data_report import DataReport, Lengths, Place, RowLook
from backend.errors import DataError


def draw(opened: Opened) -> None:
    """The fields, then the batch that begins with the chosen row."""
    st.caption(
        "Cut by the model's own tokenizer and masked as the trainer does it, in a program of its own with limits: "
        "a chat template is a program too."
    )
    asked = question(opened, needs_model=True)
    if asked is None:
        return
    at = row_input(opened, "row-of-tokens")
    try:
        order = with_rows(opened, asked, at)
    except DataError as error:
        error_box(error.explain())
        return
    batch = opened.table.rows(at - at % order.batch_size, order.batch_size)
    names = [opened.name(row.source, row.number) for row in batch if is_shown(row)]
    if len(names) < len(batch):
        st.caption(
            f"{len(batch) - len(names)} of the {len(batch)} rows of this batch cannot be read, or are longer than "
            f"{in_bytes(MAX_ROW_BYTES)}; they are not shown."
        )
    if not order.given:
        return
    job = opened.desk.jobs.of(opened.desk.examination_key("tokens", order))
    if job is None:
        st.button(
            "Look at the tokens",
            type="primary",
            icon=":material/biotech:",
            key="tokens-look",
            on_click=attempt,
            args=(opened.desk.examine, "tokens", order),
            help="Loading the tokenizer's libraries takes some seconds.",
        )
        return
    report = answer_of(job, lambda: opened.desk.examine("tokens", order), "tokens")
    if isinstance(report, DataReport):
        _report(opened, report, names, at, order.batch_size)


def _report(opened: Opened, report: DataReport, names: Sequence[Place], at: int, batch: int) -> None:
    start = at - at % batch
    with st.container(horizontal=True, vertical_alignment="center"):
        with_ids = st.toggle("Token ids", key="ids", bind="query-params")
        st.button(
            "Earlier rows",
            icon=":material/chevron_left:",
            key="tokens-back",
            disabled=start == 0,
            on_click=go_to,
            args=(max(0, start - batch),),
        )
        st.button(
            "Later rows",
            icon=":material/chevron_right:",
            key="tokens-on",
            disabled=start + batch >= len(opened.table),
            on_click=go_to,
            args=(start + batch,),
        )
    rows = [row for row in report.rows if row.number in names]
    token_view(rows, "tokens-view", with_ids=with_ids)
    if report.lengths is not None:
        _packing(report.lengths)
    with st.expander("All tokens as a table", icon=":material/table_rows:"):
        _table(rows)
    with st.expander("The text that the model reads", icon=":material/article:"):
        for row in rows:
            st.caption(escape(f"Row {row.number}, {row.side}" if row.side else f"Row {row.number}"))
            st.code(row.text, language=None, wrap_lines=True)
    if report.findings:
        st.markdown("**What is wrong with these rows and their neighbours**")
        findings_list(report.findings, None, "tokens-finding")
    if report.template:
        with st.expander("The chat template of this model", icon=":material/code:"):
            st.code(report.template, language="jinja", wrap_lines=True)


def _packing(lengths: Lengths) -> None:
    """How much of a batch is no padding, by the way it is put together."""
    packing = lengths.packing
    st.markdown(f"**How {lengths.num_rows:,} rows from here fill batches of {packing.batch_size:,}**")
    with st.grid(4, min_column_width=150):
        st.metric("Padded, in this order", f"{packing.padded:.0%}", help="Share of a batch that is no padding.")
        st.metric("Padded, grouped by length", f"{packing.grouped:.0%}", help="training.group_by_length")
        if packing.flat is not None:
            st.metric("Flat: no padding", f"{packing.flat:.0%}", help="Rows one after the other, each seeing itself.")
        st.metric("Longest whole row", f"{lengths.percentiles['100']:,} tokens")


def _table(rows: Sequence[RowLook]) -> None:
    for row in rows:
        told = ", ".join(f"{count:,} {state}" for state, count in counts(row).items() if count)
        st.caption(escape(f"Row {row.number}{f', {row.side}' if row.side else ''}: {told}"))
    every = [(row, place, token) for row in rows for place, token in enumerate(row.tokens, 1)]
    st.dataframe(
        {
            "Row": [f"{row.number} {row.side}".strip() for row, _, _ in every],
            "Position": [place for _, place, _ in every],
            "Id": [token.id for _, _, token in every],
            "Text": [repr(token.text)[1:-1] for _, _, token in every],
            "State": [token.state.value for _, _, token in every],
            "Special": [token.is_special for _, _, token in every],
        },
        hide_index=True,
        height=300,
        alt="The tokens of the rows above with positions, ids and states",
    )
