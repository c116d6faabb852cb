"""New datasets that were written, with what was left out and a way to them."""

from collections.abc import Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.links import open_view
from backend.services.dataset_making import Made


def made_box(made: Sequence[Made], num_before: int) -> None:
    """One card for all of them."""
    with st.container(border=True):
        for number, one in enumerate(made):
            with st.container(horizontal=True, vertical_alignment="center"):
                there = ", which was there already" if one.dataset.was_there else ""
                st.markdown(f"**{escape(one.dataset.name)}**{there}: {one.num_rows:,} of {num_before:,} rows")
                st.button(
                    "Open it",
                    icon=":material/dataset:",
                    key=f"made-{one.dataset.path}-{number}",
                    help=escape(f"Open {one.dataset.name}"),
                    on_click=open_view,
                    args=("datasets",),
                    kwargs={"dataset": one.dataset.path},
                )
        for why, count in (made[0].removed if made else {}).items():
            st.caption(escape(f"{count:,} left out: {why}."))
