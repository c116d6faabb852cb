"""Making a preset of a run: its name, and what goes into it."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.session import widget_value
from backend.domain.run_config import RunConfig
from config.preset_tags import cleaned
from config.yaml_files import dump_yaml

Save = Callable[[str, Sequence[str], bool, Sequence[str]], None]
_NAME, _REPLACES, _TAGS = "preset-name", "preset-replaces", "preset-tags"
_PARTS = {"base_model": "The base model", "dataset": "The dataset", "training": "The training settings"}


@st.dialog("Make a preset", icon=":material/bookmark_add:")
def preset_dialog(
    config: RunConfig,
    suggested: str,
    is_taken: Callable[[str], bool],
    preview: Callable[[RunConfig, Sequence[str]], object],
    save: Save,
) -> None:
    """`save(name, sections left out, whether one is replaced, tags)` is called by the button, which closes it."""
    st.caption("The Train page offers it from now on. It holds what differs from the defaults.")
    name = st.text_input("Name", suggested, key=_NAME, max_chars=64, help="Lower-case letters, digits and hyphens.")
    st.text_input("Tags", key=_TAGS, max_chars=300, placeholder="chat, small", help="With commas between them.")
    for part, label in _PARTS.items():
        st.checkbox(label, True, key=f"preset-{part}")
    st.code(dump_yaml(preview(config, _without())), language=None, height=220)
    if is_taken(name.strip()):
        st.checkbox("Replace the preset that has this name", key=_REPLACES)

    def done() -> None:
        save(str(widget_value(_NAME) or "").strip(), _without(), bool(widget_value(_REPLACES)), _tags())

    if st.button("Save", type="primary", key="preset-save", on_click=done, width="stretch"):
        st.rerun()


def _without() -> list[str]:
    return [part for part in _PARTS if widget_value(f"preset-{part}") is False]


def _tags() -> tuple[str, ...]:
    return cleaned(str(widget_value(_TAGS) or "").split(","))
