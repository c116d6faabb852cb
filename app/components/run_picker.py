"""Choosing the runs of a comparison: one by one, or many at once by tag and words."""

from collections import Counter
from collections.abc import Callable, Sequence

import streamlit as st

from app.session import widget_value
from backend.domain.run_view import RunView

MAX_RUNS = 500
_TAGS, _WORDS = "compare-tags", "compare-words"


def pick_runs(views: Sequence[RunView], key: str, take: Callable[[Sequence[str]], None]) -> None:
    """The selection under `key`, ids of runs; `take` is given the ids of all runs that a filter finds."""
    uses = Counter(view.name for view in views)
    names = {view.id: view.name if uses[view.name] == 1 else f"{view.name} ({view.id})" for view in views}
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-chosen"):
        st.multiselect(
            "Runs",
            list(names),
            key=key,
            format_func=lambda run_id: names.get(run_id, run_id),
            max_selections=MAX_RUNS,
            placeholder="Choose two or more runs",
        )
        with st.popover("Take many", icon=":material/playlist_add:", key="compare-many"):
            _many(views, take)


def _many(views: Sequence[RunView], take: Callable[[Sequence[str]], None]) -> None:
    st.multiselect(
        "With all of these tags",
        sorted({tag for view in views for tag in view.run.tags}),
        key=_TAGS,
        placeholder="Any tags",
    )
    st.text_input(
        "And these words",
        key=_WORDS,
        type="search",
        live="300ms",
        placeholder="Name, method, model, dataset, notes",
    )
    found = _found(views)
    st.caption(f"{len(found):,} of {len(views):,} runs fit.")
    st.button(
        f"Compare these {len(found):,} runs",
        type="primary",
        key="compare-take",
        disabled=not found,
        on_click=lambda: take(_found(views)[:MAX_RUNS]),
    )
    if len(found) > MAX_RUNS:
        st.caption(f"The newest {MAX_RUNS:,} are taken.")


def _found(views: Sequence[RunView]) -> list[str]:
    tags, words = set(widget_value(_TAGS) or ()), str(widget_value(_WORDS) or "").casefold().split()
    return [view.id for view in views if tags <= set(view.run.tags) and _has(view, words)]


def _has(view: RunView, words: Sequence[str]) -> bool:
    run = view.run
    texts = (run.name, run.id, run.method, run.base_model, run.dataset, run.notes)
    everything = "\n".join(texts).casefold()
    return all(word in everything for word in words)
