"""The unfinished forms: the one that came back, and the others that wait."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from app.components.markdown_escape import escape
from app.drafts import value_at
from backend.services.drafts import UnfinishedForm

MOST_LISTED = 20
OnForm = Callable[[str], None]


def draft_banner(
    came_back: UnfinishedForm | None,
    others: Sequence[UnfinishedForm],
    now: datetime,
    *,
    go_on: OnForm,
    accept: OnForm,
    discard: OnForm,
) -> None:
    """`came_back` fills the page already: `accept` it or `discard` it. Of the others one can `go_on` with any."""
    if came_back is not None:
        with st.container(border=True, key="draft-came-back"):
            st.markdown(
                f":material/history: You have an unfinished form from **{clock_time(came_back.saved_at, now)}**: "
                f"{escape(summary(came_back))}. It is filled in below."
            )
            with st.container(horizontal=True):
                st.button("Continue", key="draft-continue", type="primary", on_click=accept, args=(came_back.id,))
                _discard("draft-discard", "Discard", came_back, now, discard)
    if others:
        with st.popover(f"Unfinished forms ({len(others)})", icon=":material/drafts:", key="draft-others"):
            for form in others[:MOST_LISTED]:
                _row(form, now, go_on, discard)
            if len(others) > MOST_LISTED:
                st.caption(f"The newest {MOST_LISTED} of {len(others)}.")


def _row(form: UnfinishedForm, now: datetime, go_on: OnForm, discard: OnForm) -> None:
    at = clock_time(form.saved_at, now)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{at}** {escape(summary(form))}")
        st.button("Continue", key=f"draft-take-{form.id}", help=f"The form from {at}", on_click=go_on, args=(form.id,))
        st.button(
            "Discard",
            key=f"draft-drop-{form.id}",
            help=f"Forgets the form from {at} for good.",
            on_click=discard,
            args=(form.id,),
        )


def _discard(key: str, label: str, form: UnfinishedForm, now: datetime, discard: OnForm) -> None:
    with st.popover(label, icon=":material/delete:", key=key):
        st.write(f"The form from {clock_time(form.saved_at, now)} is forgotten for good.")
        st.button("Discard it", key=f"{key}-sure", on_click=discard, args=(form.id,))


def summary(form: UnfinishedForm) -> str:
    """What a person knows it by."""
    parts = [
        str(value_at(form.draft, "name") or ""),
        str(value_at(form.draft, "method.name") or ""),
        str(value_at(form.draft, "base_model.path") or "no base model yet"),
        str(value_at(form.draft, "dataset.path") or "no dataset yet").rpartition("/")[2],
        "with a sweep" if form.sweep.text else "",
    ]
    return ", ".join(part for part in parts if part)[:200]


def clock_time(at: datetime, now: datetime) -> str:
    """14:02 of today, or with the day, by the clock of the browser."""
    zone = _zone()
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%d %b %H:%M}"


def _zone() -> ZoneInfo | None:
    """That of the browser; None, which means the machine's, where it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
