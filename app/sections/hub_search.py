"""Searching the hub, on a click: from words to a model or dataset that is taken over."""

from collections.abc import Callable

import streamlit as st

from app.components.error_box import error_box
from app.components.hub_hits import hub_hits, hub_words
from app.notices import attempt
from app.session import note, noted
from app.watching import watched
from backend.domain.hub_search import HubKind
from backend.services.bundle import Services
from backend.services.jobs import Job


def hub_search(services: Services, kind: HubKind, place: str, label: str, take: Callable[[str], None]) -> None:
    """Draw it; `place` is unique on a page, and `take(id)` is called by the button named `label`."""
    hub = services.hub
    asked = f"hub-asked-{place}"

    def search(words: str) -> None:
        note(asked, words)
        if words:
            attempt(hub.start, words, kind)

    hub_words(kind, place, hub.endpoint, is_offline=hub.is_hub_offline, search=search)
    words = str(noted(asked) or "")
    first = hub.of(words, kind) if words else None
    if first is None:
        return
    job = watched("Asking the hub", lambda: first, first.wait, lambda found: int(found.is_running))
    _answer(job, place, label, take)


def _answer(job: Job, place: str, label: str, take: Callable[[str], None]) -> None:
    if job.is_running:
        return
    if job.error is not None:
        error_box(job.error)
        st.caption("Search again when the reason is gone.")
    elif job.answer is not None:
        hub_hits(job.answer, place, label, take)
