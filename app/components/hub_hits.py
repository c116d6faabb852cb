"""Searching the hub: the words, what is sent when they are, and the hits as a table in which one can be chosen."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import streamlit as st

from app.components.markdown_escape import escape
from app.session import widget_value
from backend.domain.hub_search import MOST_WORDS, HubHit, HubKind

HEIGHT_PIXELS = 280
_SHOWN = {"model": "Models that generate text and have safetensors weights", "dataset": "Datasets"}


def hub_words(kind: HubKind, place: str, endpoint: str, *, is_offline: bool, search: Callable[[str], None]) -> None:
    """The field; `search(words)` is called by the button, and by nothing else."""
    key = f"hub-words-{place}"
    with st.form(f"hub-form-{place}", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Words", key=key, max_chars=MOST_WORDS, placeholder="qwen 0.5b instruct", width=260, disabled=is_offline
        )
        st.form_submit_button(
            "Search",
            icon=":material/search:",
            key=f"hub-search-{place}",
            disabled=is_offline,
            on_click=lambda: search(str(widget_value(key) or "").strip()),
        )
    if is_offline:
        st.caption("The studio is offline (the setting hub_offline): nothing is sent, and nothing can be found.")
    else:
        st.caption(
            f"The button sends these words to {escape(endpoint)}, without your token; nothing is sent before. "
            f"{_SHOWN[kind]} are shown, most downloads first."
        )


def hub_hits(hits: Sequence[HubHit], place: str, label: str, take: Callable[[str], None]) -> None:
    """The hits; `take(id)` is called by the button named `label`, for the row that is selected."""
    if not hits:
        st.info("The hub has nothing for these words.", icon=":material/search_off:")
        return
    key = f"hub-hits-{place}-{hash(tuple(hit.id for hit in hits))}"
    state = st.dataframe(
        _table(hits),
        key=key,
        hide_index=True,
        height=HEIGHT_PIXELS,
        column_config={
            "Name": st.column_config.TextColumn(pinned=True),
            "Downloads": st.column_config.NumberColumn(format="compact", help="In the last 30 days."),
            "Likes": st.column_config.NumberColumn(format="compact"),
            "Parameters": st.column_config.NumberColumn(format="compact", help="As the hub counts them in the files."),
            "Gated": st.column_config.CheckboxColumn(help="Its owners ask to accept their terms first."),
            "Changed": st.column_config.DateColumn(),
        },
        on_select="rerun",
        selection_mode="single-row",
        alt=f"{len(hits)} hits on the hub",
    )
    rows = state["selection"]["rows"]
    chosen = hits[rows[0]] if rows and rows[0] < len(hits) else None
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            label,
            icon=":material/check:",
            key=f"hub-take-{place}",
            disabled=chosen is None,
            help=None if chosen else "Select a row first.",
            on_click=take,
            args=(chosen.id if chosen else "",),
        )
        if chosen is not None:
            gated = " It is gated: accept its owners' terms on the hub and sign in first." if chosen.is_gated else ""
            st.caption(escape(f"{chosen.id}.{gated} It is downloaded when a run starts with it."))


def _table(hits: Sequence[HubHit]) -> pa.Table:
    return pa.table(
        {
            "Name": [hit.id for hit in hits],
            "Downloads": pa.array([hit.downloads for hit in hits], pa.int64()),
            "Likes": pa.array([hit.likes for hit in hits], pa.int64()),
            "Parameters": pa.array([hit.parameters for hit in hits], pa.int64()),
            "Licence": [hit.licence or None for hit in hits],
            "Gated": [hit.is_gated for hit in hits],
            "Changed": [hit.changed or None for hit in hits],
        }
    )
