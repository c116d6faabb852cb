"""What a form begins with: a use case, a preset, or a file."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.markdown_escape import escape
from app.session import count, show_in_widget, widget_value
from backend.domain.sweep import written
from config.catalog import Profile

PRESET, PROFILE = "train-preset", "train-profile"
IMPORTS = "train-imports"

OnName = Callable[[str], None]


def use_case_input(profiles: Mapping[str, Profile], chosen: str | None, choose: OnName) -> None:
    """The use cases; `choose(name)` is called with the one that is taken."""
    st.selectbox(
        "Use case",
        list(profiles),
        index=None,
        format_func=lambda name: profiles[name].title if name in profiles else name,
        key=show_in_widget(PROFILE, chosen if chosen in profiles else None),
        placeholder="What shall the model do?",
        help="Fills in the settings that suit it and leaves base model and dataset as they are. Each has its reason.",
        on_change=lambda: choose(str(widget_value(PROFILE) or "")),
        width=185,
    )


def preset_input(presets: Mapping[str, Sequence[str]], chosen: str | None, choose: OnName) -> None:
    """The presets, shipped and own, with their tags; `choose(name)` is called with the one that is taken."""
    st.selectbox(
        "Preset",
        list(presets),
        index=None,
        format_func=lambda name: f"{name} ({', '.join(presets[name])})" if presets.get(name) else name,
        key=show_in_widget(PRESET, chosen if chosen in presets else None),
        placeholder="Choose a preset",
        help="Type a part of a name or a tag to find one. Replaces everything below; an unfinished form is kept.",
        on_change=lambda: choose(str(widget_value(PRESET) or "")),
        width=170,
    )


def import_input(take: OnName) -> None:
    """A run.yaml for the form; `take(key)` is called when the widget of that key holds one."""
    with st.popover("Import", icon=":material/upload_file:", key="train-import"):
        key = f"train-import-{count(IMPORTS)}"
        st.file_uploader(
            "Import a run.yaml",
            type=["yaml", "yml"],
            key=key,
            max_upload_size=1,
            help="Its values fill the form. Keys that nobody knows are named and left out.",
            on_change=take,
            args=(key,),
        )


def profile_reasons(profile: Profile) -> None:
    """What a use case fills in, and why."""
    with lazy_expander(f"Why these settings for {escape(profile.title)}", ":material/lightbulb:", "why") as is_open:
        if is_open:
            st.caption(escape(profile.summary))
            st.dataframe(
                [
                    {"Setting": key, "Value": written(value), "Why": profile.reasons[key]}
                    for key, value in profile.values.items()
                ],
                hide_index=True,
                column_config={"Why": st.column_config.TextColumn(width="large")},
                alt=f"Settings of the use case {profile.title}, with the reason of each",
            )
