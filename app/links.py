"""Ways from one view to another, by the name in the address; views do not import one another."""

from collections.abc import Sequence

import streamlit as st

from app.session import note, noted

_PAGES = "studio-pages"


def open_view(url_path: str, **query: str | Sequence[str]) -> None:
    """Go to a view, for instance `open_view("monitor", run=run_id)`; ends the present script run or callback.

    Query parameters of the present view do not come along.
    """
    st.switch_page(_page(url_path), query_params=query)


def link_to_view(url_path: str, label: str, icon: str, **query: str) -> None:
    """Draw a link to a view."""
    st.page_link(_page(url_path), label=label, icon=icon, query_params=query or None)


def note_pages(url_paths: Sequence[str]) -> None:
    """Keep which pages can be linked to by now; none before the menu is there."""
    note(_PAGES, list(url_paths))


def has_page(url_path: str) -> bool:
    """Whether a link to a page can be drawn."""
    return url_path in (noted(_PAGES) or ())


def _page(url_path: str) -> st.Page:
    """Streamlit knows a page of a function by its address alone, so any function will do here."""
    return st.Page(_unused, title=url_path, url_path=url_path)


def _unused() -> None:
    raise AssertionError("the page that st.navigation knows is drawn instead")
