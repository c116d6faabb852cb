"""Dialogs about many runs at once: what will happen to which of them, in clear words, then a button."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.session import widget_value
from backend.domain.run_view import RunView

MOST_NAMED = 12
OnRuns = Callable[[Sequence[str]], None]


@st.dialog("Stop these runs?", icon=":material/stop:")
def stop_dialog(views: Sequence[RunView], left: Sequence[RunView], stop: OnRuns) -> None:
    """`views` are stopped, `left` need not be; `stop(run_ids)` is called by the button, which closes it."""
    st.write(f"{_runs(views)} will write a checkpoint and end; each can be resumed later.")
    st.text(named(views))
    _left(left, "already over, or asked to stop")
    _two("Stop", "bulk-stop", "Let them run", lambda: stop([view.id for view in views]))


@st.dialog("Delete these runs?", icon=":material/delete:")
def delete_many_dialog(views: Sequence[RunView], left: Sequence[RunView], delete: OnRuns) -> None:
    """`views` are deleted, `left` are at work and stay."""
    st.write(
        f"{_runs(views)} will leave this list. Their folders, with checkpoints, curves and adapters, are moved to the "
        "workspace's trash folder; nothing is erased."
    )
    st.text(named(views))
    _left(left, "at work or waiting; stop them first")
    _two("Delete", "bulk-delete", "Keep them", lambda: delete([view.id for view in views]))


@st.dialog("Tag these runs", icon=":material/sell:")
def tag_dialog(
    views: Sequence[RunView],
    known: Sequence[str],
    tag: Callable[[Sequence[str], Sequence[str], Sequence[str]], None],
) -> None:
    """`tag(run_ids, add, remove)` is called by the button, which closes it."""
    st.write(f"{_runs(views)}:")
    st.text(named(views))
    st.multiselect(
        "Give them these tags",
        known,
        key="bulk-tags-add",
        accept_new_options=True,
        placeholder="Choose or type a tag",
    )
    theirs = sorted({one for view in views for one in view.run.tags})
    st.multiselect("Take these tags away", theirs, key="bulk-tags-remove", placeholder="None")

    def done() -> None:
        add, remove = widget_value("bulk-tags-add") or [], widget_value("bulk-tags-remove") or []
        tag([view.id for view in views], [str(one) for one in add], [str(one) for one in remove])

    _two("Save", "bulk-tag", "Leave them", done)


def named(views: Sequence[RunView]) -> str:
    """The names of the first of them, and how many more there are."""
    names = ", ".join(view.name for view in views[:MOST_NAMED])
    return names + (f" and {len(views) - MOST_NAMED:,} more" if len(views) > MOST_NAMED else "")


def _runs(views: Sequence[RunView]) -> str:
    return f"{len(views):,} run{'' if len(views) == 1 else 's'}"


def _left(views: Sequence[RunView], why: str) -> None:
    if views:
        st.caption(f"{_runs(views)} of the selection stay as they are: {why}.")
        st.text(named(views))


def _two(label: str, key: str, other: str, act: Callable[[], None]) -> None:
    def done() -> None:
        act()
        st.rerun()

    with st.container(horizontal=True):
        st.button(label, type="primary", key=f"{key}-yes", on_click=done)
        st.button(other, key=f"{key}-no", on_click=st.rerun)
