"""Dialogs that ask before a model or a checkpoint is deleted, and a box for folders to look through."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from app.components.markdown_escape import escape
from app.components.model_table import marks
from app.components.sizes import in_bytes
from app.session import widget_value
from backend.domain.checkpoint_rows import CheckpointRow
from backend.domain.model_shelf import Removal

_AGREED = "model-delete-agreed"


@st.dialog("Delete the model?", icon=":material/delete:")
def delete_model_dialog(plan: Removal, delete: Callable[[str, bool], None]) -> None:
    """Says what happens; `delete(model_id, for_good)` is called by the button, which closes it."""
    st.text(f"{plan.model.title}\n{plan.model.folder}")
    freed = in_bytes(plan.freed_bytes)
    if plan.is_for_good:
        st.warning(
            f"It is erased for good, and {freed} become free at once. It cannot go to the trash: its files are on "
            "another disk than the workspace, or shared with other models. It can be downloaded again.",
            icon=":material/warning:",
        )
        if plan.kept_bytes:
            st.caption(f"{in_bytes(plan.kept_bytes)} more become free only if no other model needs them.")
        st.checkbox("Erase it for good", key=_AGREED)
    else:
        st.write(f"It is moved to the workspace's trash folder. Its {freed} become free when the trash is emptied.")
    if plan.model.runs:
        st.caption(
            f"{len(plan.model.runs):,} runs were made with it; asking or resuming them downloads or needs it again."
        )

    def done() -> None:
        delete(plan.model.id, plan.is_for_good)
        st.rerun()

    is_agreed = bool(widget_value(_AGREED)) or not plan.is_for_good
    _two("Delete", "model-delete", done, is_possible=is_agreed)


@st.dialog("Delete the checkpoint?", icon=":material/delete:")
def delete_checkpoint_dialog(run_name: str, row: CheckpointRow, delete: Callable[[int], None]) -> None:
    """Says what happens; `delete(step)` is called by the button, which closes it."""
    st.text(f"{run_name}\nCheckpoint of step {row.step:,}")
    told = f" It is marked: {marks(row)}." if marks(row) else ""
    st.write(
        f"It is moved to the workspace's trash folder. {in_bytes(row.found.freed_bytes)} become free when the trash "
        f"is emptied.{told} The run cannot go on, be forked or be asked from it any more."
    )

    def done() -> None:
        delete(row.step)
        st.rerun()

    _two("Delete", "checkpoint-delete", done)


def model_folders(folders: Sequence[Path], add: Callable[[str], None], remove: Callable[[Path], None]) -> None:
    """The registered folders, and a field for one more."""
    with st.popover("Folders", icon=":material/folder_open:", key="models-folders"):
        st.write("The workspace and the Hugging Face cache are always looked through. Other folders are only read.")
        for folder in folders:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.text(str(folder))
                st.button(
                    f"Remove {escape(folder.name)} from the list",
                    icon=":material/close:",
                    key=f"models-folder-remove-{folder}",
                    help="Its files stay as they are.",
                    on_click=remove,
                    args=(folder,),
                )
        with st.form("models-folder-form", clear_on_submit=True, border=False):
            st.text_input(
                "Another folder", key="models-folder-path", placeholder="/data/models", max_chars=4_096, width=360
            )
            st.form_submit_button(
                "Look through it too",
                icon=":material/create_new_folder:",
                key="models-folder-add",
                on_click=lambda: add(str(widget_value("models-folder-path") or "")),
            )


def _two(label: str, key: str, done: Callable[[], None], *, is_possible: bool = True) -> None:
    with st.container(horizontal=True):
        st.button(
            label,
            type="primary",
            icon=":material/delete:",
            key=f"{key}-yes",
            on_click=done,
            disabled=not is_possible,
        )
        st.button("Keep it", key=f"{key}-no", on_click=st.rerun)
