"""The workspace and its disk."""

from collections.abc import Sequence

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
        column_config={"Where": st.column_config.TextColumn(width="large")},
        alt="What each part of the workspace takes up",
    )
