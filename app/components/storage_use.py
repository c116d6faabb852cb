"""The workspace and its disk."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.sizes import in_bytes
from backend.domain.machine import Disk
from backend.services.storage import FolderUsage


def draw_storage(disk: Disk, folders: Sequence[FolderUsage]) -> None:
    """How full the disk is, and what each part of the workspace takes of it."""
    total = sum(folder.size_bytes for folder in folders)
    used = 1 - disk.free_bytes / disk.total_bytes
    words = f"{in_bytes(disk.free_bytes)} of {in_bytes(disk.total_bytes)} free; the workspace takes {in_bytes(total)}"
    st.progress(min(1.0, max(0.0, used)), text=words)
    st.dataframe(
        {
            "Part": [folder.name for folder in folders],
            "Size": [in_bytes(folder.size_bytes) for folder in folders],
            "Files": [folder.num_files for folder in folders],
            "Where": [str(folder.path) for folder in folders],
        },
        hide_index=True,
        column_config={
            "Part": st.column_config.TextColumn(width=210),
            "Size": st.column_config.TextColumn(width=90, alignment="right"),
            "Files": st.column_config.NumberColumn(format="localized", width=80),
            "Where": st.column_config.TextColumn(width="large"),
        },
        alt="What each part of the workspace takes up",
    )


@st.dialog("Empty the trash?", icon=":material/delete_forever:")
def empty_trash_dialog(trash: FolderUsage, empty: Callable[[], None]) -> None:
    """Asks first, as this is the one place where things are erased; `empty` is called by the button."""
    st.text(str(trash.path))
    st.write(
        f"Everything in it is erased for good: {in_bytes(trash.size_bytes)} of deleted runs, checkpoints and models, "
        f"files: {trash.num_files:,}. What other runs share stays on the disk."
    )

    def done() -> None:
        empty()
        st.rerun()

    with st.container(horizontal=True):
        st.button("Erase for good", type="primary", key="trash-yes", on_click=done)
        st.button("Keep it", key="trash-no", on_click=st.rerun)
