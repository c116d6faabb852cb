"""The diagnostics archive: what it would hold, and a button that makes it."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.sizes import in_bytes
from backend.domain.diagnostic_parts import Part
from backend.services.diagnostics import NAME


def diagnostics_box(parts: Callable[[], Sequence[Part]], make: Callable[[], bytes]) -> None:
    """Nothing is read before somebody opens it; the archive is made by the click, and goes to the browser only."""
    with lazy_expander("Diagnostics for whoever is to help", ":material/folder_zip:", "machine-diagnostics") as is_open:
        if not is_open:
            return
        st.caption(
            "Secrets, home folders and the names of user and machine are replaced by what looks like them. Read the "
            "archive before you hand it on: logs may quote rows of a dataset."
        )
        found = parts()
        st.dataframe(
            {
                "File": [part.name for part in found],
                "Holds": [part.about for part in found],
                "Size": [in_bytes(part.size_bytes) for part in found],
            },
            hide_index=True,
            alt="What the diagnostics archive holds",
        )
        st.download_button(
            "Make and download the archive",
            make,
            file_name=NAME,
            mime="application/zip",
            icon=":material/download:",
            key="diagnostics-download",
            on_click="ignore",
        )
