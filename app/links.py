"""Ways from one view to another, by the name in the address; views do not import one another."""

from collections.abc import Sequence

import streamlit as st


def open_view(url_path: str, **query: str | Sequence[str]) -> None:
    """Go to a view, for instance `open_view("monitor", run=run_id)`; ends the present script run or callback.

    Query parameters of the present view do not come along.
    """
    st.switch_page(_page(url_path), query_params=query)


def link_to_view(url_path: str, label: str, icon: str, **query: str) -> None:
    """Draw a link to a view."""
    st.page_link(_page(url_path), label=label, icon=icon, query_params=query or None)


def _page(url_path: str) -> st.Page:
    """Streamlit knows a page of a function by its address alone, so any function will do here."""
    return st.Page(_unused, title=url_path, url_path=url_path)


def _unused() -> None:
    raise AssertionError("the page that st.navigation knows is drawn instead")
