"""Choosing whose curves are shown: runs of the studio, and runs in foreign log directories."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.curve_address import key_of
from app.session import show_in_widget, widget_value
from backend.domain.curve_link import MAX_SOURCES
from backend.domain.log_directories import LogDirectory

_PATH = "curves-new-directory"


def choose_sources(labels: Mapping[str, str], draw_directories: Callable[[], None], problem: str = "") -> None:
    """The selection, a filter over it, and a place for log directories. `labels` by source, in their order."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="curves-sources"):
        st.multiselect(
            "Runs",
            list(labels),
            key=key_of("runs"),
            format_func=lambda source: labels.get(source, source),
            max_selections=MAX_SOURCES,
            placeholder="Choose runs to look at",
        )
        st.text_input(
            "Of these, only",
            key=key_of("filter"),
            type="search",
            live="300ms",
            placeholder="lora.*seed 1",
            help="A regular expression over the names of the chosen runs.",
            width=200,
        )
        with st.popover("Log directories", icon=":material/folder_open:", key="curves-directories"):
            draw_directories()
    if problem:
        st.caption(f":material/info: {problem}")


def log_directories(
    found: Sequence[tuple[LogDirectory, int]],
    add: Callable[[str], None],
    remove: Callable[[str], None],
    show: Callable[[str], None],
) -> None:
    """The registered directories with the number of their runs; they are only ever read."""
    st.caption("Any folder with TensorBoard event files, from whichever program. It is only read.")
    for directory, num_runs in found:
        with st.container(horizontal=True, vertical_alignment="center", key=f"curves-dir-{directory.key}"):
            st.text(f"{directory.path}\n{_runs(num_runs)}", width="stretch")
            name = escape(directory.path.name or str(directory.path))
            st.button(
                "Show",
                icon=":material/visibility:",
                key=f"curves-show-{directory.key}",
                help=f"Shows all runs of {name}.",
                disabled=not num_runs,
                on_click=show,
                args=(directory.key,),
            )
            st.button(
                "Remove",
                icon=":material/close:",
                key=f"curves-remove-{directory.key}",
                help=f"Forgets {name}; its files stay as they are.",
                on_click=remove,
                args=(directory.key,),
            )
    add_directory(add, _PATH)


def add_directory(add: Callable[[str], None], key: str) -> None:
    """A field for a path, and a button."""

    def taken() -> None:
        add(str(widget_value(key) or ""))
        show_in_widget(key, "")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Folder", key=key, placeholder="/home/me/project/runs", width=360)
        st.button("Add", icon=":material/add:", key=f"{key}-add", on_click=taken)


def _runs(number: int) -> str:
    return {0: "no event files found, or the folder is gone", 1: "1 run"}.get(number, f"{number:,} runs")
