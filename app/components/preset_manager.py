"""Looking after one's own presets: export, import, rename, delete."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.session import count, widget_value
from config.yaml_files import dump_yaml

FILES = "preset-files"
_NAME, _NEW_NAME, _FILE_NAME = "preset-which", "preset-new-name", "preset-file-name"


@st.dialog("Presets", icon=":material/bookmarks:", width="medium")
def preset_manager(
    presets: Mapping[str, Mapping[str, Any]],
    own: Mapping[str, Mapping[str, Any]],
    *,
    rename: Callable[[str, str], None],
    delete: Callable[[str], None],
    take: Callable[[str, str], None],
) -> None:
    """All presets; only one's `own` can be renamed or deleted. `take(name, key)` keeps the file that a widget holds."""
    st.caption("Presets that ship with the studio can be exported only.")
    name = st.selectbox("Preset", list(presets), key=_NAME)
    if name is not None:
        text = dump_yaml(dict(presets[name]))
        st.code(text, language=None, height=180)
        st.download_button(
            "Export", text, file_name=f"{name}.yaml", icon=":material/download:", key="preset-export", on_click="ignore"
        )
        if name in own:
            _change(name, rename, delete)
    st.divider()
    _import(take)


def _change(name: str, rename: Callable[[str, str], None], delete: Callable[[str], None]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("New name", key=_NEW_NAME, max_chars=64, placeholder=name)
        if st.button(
            "Rename", key="preset-rename", on_click=lambda: rename(name, str(widget_value(_NEW_NAME) or "").strip())
        ):
            st.rerun()
    with st.popover("Delete", icon=":material/delete:", key="preset-delete"):
        st.write("The preset goes to the trash folder of the workspace.")
        if st.button("Delete the preset", key="preset-delete-sure", on_click=delete, args=(name,)):
            st.rerun()


def _import(take: Callable[[str, str], None]) -> None:
    key = f"preset-file-{count(FILES)}"
    file = st.file_uploader("Import a preset", type=["yaml", "yml"], key=key, max_upload_size=1)
    suggested = file.name.rpartition(".")[0].lower() if file is not None else ""
    st.text_input("Name of the imported preset", suggested, key=f"{_FILE_NAME}-{suggested}", max_chars=64)

    def done() -> None:
        take(str(widget_value(f"{_FILE_NAME}-{suggested}") or "").strip(), key)

    if st.button("Keep it", key="preset-import", disabled=file is None, on_click=done):
        st.rerun()
