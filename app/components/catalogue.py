"""Kinds of errors: one in full, or many in a table."""

from collections.abc import Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.services.error_catalogue import CatalogueEntry


def draw_entry(entry: CatalogueEntry) -> None:
    """What it means, why it happens, how to go on."""
    with st.container(border=True):
        st.markdown(f"**{escape(entry.what)}**")
        for title, text in (("Why", entry.why), ("How to go on", entry.fix)):
            st.caption(title)
            st.markdown(escape(text))
        family = f"family {entry.family}, " if entry.family else ""
        st.caption(escape(f"{entry.id}: {family}exit code {entry.exit_code}"))
    st.caption("The same on the command line")
    st.code(f"peft-studio explain {entry.id}", language="bash")


def draw_table(entries: Sequence[CatalogueEntry]) -> None:
    """Ids with what each says, as plain cells."""
    st.dataframe(
        {
            "Error": [entry.id for entry in entries],
            "What it says": [entry.what for entry in entries],
            "Exit code": [entry.exit_code for entry in entries],
        },
        hide_index=True,
        height=700,
        alt=f"All {len(entries)} kinds of errors",
    )
