"""Dialogs about one run: what a person writes about it, and whether it is to be deleted."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.session import widget_value
from backend.domain.run_view import RunView

Save = Callable[[str, str, str, Sequence[str]], None]
Delete = Callable[[str], None]


@st.dialog("Edit the run", icon=":material/edit:")
def edit_dialog(view: RunView, save: Save) -> None:
    """Name, notes and tags; `save(run_id, name, notes, tags)` is called by the button, which closes it."""
    keys = {part: f"edit-{part}-{view.id}" for part in ("name", "notes", "tags")}
    st.text_input("Name", view.name, max_chars=200, key=keys["name"])
    st.text_area("Notes", view.run.notes, max_chars=10_000, key=keys["notes"])
    st.multiselect(
        "Tags",
        sorted(view.run.tags),
        default=sorted(view.run.tags),
        accept_new_options=True,
        key=keys["tags"],
        placeholder="Type a tag and press Enter",
    )

    def done() -> None:
        name, notes, tags = (widget_value(keys[part]) for part in ("name", "notes", "tags"))
        save(view.id, name.strip() or view.name, notes, tags)
        st.rerun()

    st.button("Save", type="primary", key="edit-save", on_click=done, width="stretch")


@st.dialog("Delete the run?", icon=":material/delete:")
def delete_dialog(view: RunView, delete: Delete) -> None:
    """Asks first; `delete(run_id)` is called by the button, which closes it."""
    st.text(f"{view.name}\n{view.id}")
    st.write(
        "Its folder, with checkpoints, curves and adapter, is moved to the workspace's trash folder; "
        "nothing is erased. The run leaves this list."
    )

    def done() -> None:
        delete(view.id)
        st.rerun()

    with st.container(horizontal=True):
        st.button("Delete", type="primary", icon=":material/delete:", key="delete-yes", on_click=done)
        st.button("Keep it", key="delete-no", on_click=st.rerun)
