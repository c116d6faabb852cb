"""What people wrote about runs that are compared, and what can be made of each."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.components.run_dots import dot
from app.components.state_badge import state_badge
from backend.domain.comparison import ComparedRun, Comparison

OnRun = Callable[[str], None]
BESIDE = 2


def run_notes(
    found: Comparison, colors: Sequence[int], *, edit: OnRun, again: OnRun, preset: OnRun, watch: OnRun
) -> None:
    """A card for each run. `again` and `preset` are called as callbacks and in the page, with the run's id."""
    for first in range(0, len(found.runs), BESIDE):
        columns = st.columns(BESIDE)
        for column, place in zip(columns, range(first, min(first + BESIDE, len(found.runs))), strict=False):
            with column, st.container(border=True, height="stretch", key=f"compare-card-{place}"):
                _card(found.runs[place], found.labels[place], colors[place], watch)
                _buttons(found.runs[place], edit, again, preset)


def _card(one: ComparedRun, label: str, color: int, watch: OnRun) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(dot(color), width=16, alt="")
        st.markdown(f"**{escape(label)}**", width="content")
        state_badge(one.run.state)
        st.space("stretch")
        st.button(
            "Monitor",
            icon=":material/monitoring:",
            type="tertiary",
            key=f"compare-watch-{one.run.id}",
            help=escape(f"Watch {label}"),
            on_click=watch,
            args=(one.run.id,),
        )
    if one.run.tags:
        st.markdown(" ".join(f":gray-badge[{escape(tag)}]" for tag in one.run.tags))
    st.text(one.run.notes or "No notes.")
    if one.problem:
        st.caption(f":material/warning: {escape(one.problem)}")


def _buttons(one: ComparedRun, edit: OnRun, again: OnRun, preset: OnRun) -> None:
    run_id, name, is_readable = one.run.id, escape(one.run.name), one.config is not None
    unreadable = "" if is_readable else " Its settings cannot be read."
    with st.container(horizontal=True):
        if st.button(
            "Edit", icon=":material/edit:", key=f"compare-edit-{run_id}", help=f"Name, tags and notes of {name}."
        ):
            edit(run_id)
        st.button(
            "Run again with these settings",
            icon=":material/replay:",
            key=f"compare-again-{run_id}",
            disabled=not is_readable,
            help=f"Fills the Train form from {name}; nothing starts yet.{unreadable}",
            on_click=again,
            args=(run_id,),
        )
        if st.button(
            "Make a preset",
            icon=":material/bookmark_add:",
            key=f"compare-preset-{run_id}",
            disabled=not is_readable,
            help=f"Of the settings of {name}.{unreadable}",
        ):
            preset(run_id)
