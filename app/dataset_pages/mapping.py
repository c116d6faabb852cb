"""How rows become examples: the format and the columns, with what comes of the first row."""

import streamlit as st

from app.components.dataset_look import draw_example
from app.components.markdown_escape import escape
from app.dataset_pages.opened import Opened
from app.session import show_in_widget, widget_value
from backend.data.choice import Columns, DatasetPart
from backend.data.formats import Format, formats

AUTO, USUAL = "auto", ""


def mapping(opened: Opened, chosen: Format | None) -> None:
    """The choice is kept in the workspace: Train and the other sections read the dataset the same way."""
    part = opened.part
    titles = {each.name: each.card.title for each in formats()}
    found = f"recognised: {titles[chosen.name]}" if chosen is not None else "not recognised"
    with st.grid(4, min_column_width=170):
        st.selectbox(
            "Format",
            [AUTO, *titles],
            format_func=lambda name: titles.get(name, f"Automatic ({found})" if part.format == AUTO else "Automatic"),
            key=show_in_widget("mapping-format", part.format),
            on_change=lambda: _keep(opened, part.model_copy(update={"format": widget_value("mapping-format")})),
            help="How a row becomes a conversation, a text or a pair of answers.",
        )
        for role in sorted(chosen.parts if chosen is not None else Columns.model_fields):
            _column(opened, role)
    st.caption("Kept in this workspace, for this dataset: nothing is written into its files.")
    _preview(opened, chosen)


def _column(opened: Opened, role: str) -> None:
    now = getattr(opened.part.columns, role) or USUAL
    columns = list(opened.table.facts.columns)
    key = f"mapping-{role}"

    def change() -> None:
        value = widget_value(key) or None
        columns = opened.part.columns.model_copy(update={role: value})
        _keep(opened, opened.part.model_copy(update={"columns": columns}))

    st.selectbox(
        f"Column for {role}",
        [USUAL, *columns, *([now] if now and now not in columns else [])],
        format_func=lambda name: name or "the usual name",
        key=show_in_widget(key, now),
        help=Columns.model_fields[role].description,
        on_change=change,
    )


def _keep(opened: Opened, part: DatasetPart) -> None:
    opened.desk.registry.read_as(part)


def _preview(opened: Opened, chosen: Format | None) -> None:
    first = next((row for row in opened.table.rows(0, 50) if not row.problem), None)
    if chosen is None or first is None:
        return
    st.markdown("**What comes of the first row**")
    example = chosen.read(first.fields, opened.part.columns)
    if isinstance(example, str):
        st.warning(escape(f"It cannot be used: {example}."), icon=":material/warning:")
    else:
        draw_example(example)
