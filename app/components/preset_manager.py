"""Looking after one's own presets: finding, tagging, export, import, rename, delete."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app.components.markdown_escape import escape
from app.session import count, widget_value
from config.preset_tags import cleaned, is_wanted, with_tags
from config.yaml_files import dump_yaml

FILES = "preset-files"
_WORDS, _WANTED = "preset-words", "preset-wanted"
_NAME, _NEW_NAME, _FILE_NAME = "preset-which", "preset-new-name", "preset-file-name"


@st.dialog("Presets", icon=":material/bookmarks:", width="medium")
def preset_manager(
    presets: Mapping[str, Mapping[str, Any]],
    own: Mapping[str, Mapping[str, Any]],
    tags: Mapping[str, Sequence[str]],
    *,
    tag: Callable[[str, Sequence[str]], None],
    rename: Callable[[str, str], None],
    delete: Callable[[str], None],
    take: Callable[[str, str], None],
) -> None:
    """All presets; only one's `own` can be changed. `take(name, key)` keeps the file that a widget holds."""
    st.caption("Presets that ship with the studio can be exported only.")
    name = _chosen(list(presets), tags)
    if name is not None:
        st.markdown(" ".join(f":gray-badge[{escape(one)}]" for one in tags.get(name, ())) or ":small[no tags]")
        text = with_tags(dump_yaml(dict(presets[name])), tags.get(name, ()))
        st.code(text, language=None, height=180)
        st.download_button(
            "Export", text, file_name=f"{name}.yaml", icon=":material/download:", key="preset-export", on_click="ignore"
        )
        if name in own:
            _tags(name, tags, tag)
            _change(name, rename, delete)
    st.divider()
    _import(take)


def _chosen(names: Sequence[str], tags: Mapping[str, Sequence[str]]) -> str | None:
    """One of those that fit the words and the tags."""
    every = sorted({one for found in tags.values() for one in found})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input("Find", key=_WORDS, placeholder="A part of a name or a tag", icon=":material/search:")
        wanted = st.multiselect("With all of these tags", every, key=_WANTED, placeholder="any")
    fitting = [name for name in names if is_wanted(name, tags.get(name, ()), words, wanted)]
    if not fitting:
        st.info("No preset fits.", icon=":material/search_off:")
        return None
    return st.selectbox(f"Preset ({len(fitting):,} of {len(names):,})", fitting, key=_NAME)


def _tags(name: str, tags: Mapping[str, Sequence[str]], tag: Callable[[str, Sequence[str]], None]) -> None:
    key = f"preset-tags-{name}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Tags", ", ".join(tags.get(name, ())), key=key, max_chars=300, help="With commas between them.")
        if st.button(
            "Keep the tags",
            key="preset-tag",
            on_click=lambda: tag(name, cleaned(str(widget_value(key) or "").split(","))),
        ):
            st.rerun()


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
