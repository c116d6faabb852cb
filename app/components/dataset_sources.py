"""Ways to more datasets: an upload, a path on this machine, the hub."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import streamlit as st

from app.components.sizes import in_bytes
from app.session import widget_value
from backend.services.dataset_library import SUFFIXES

OFFLINE = "The studio is offline (hub_offline): only what is in the hub's cache can be loaded."
PATH = "datasets-path"
HUB = {"path": "datasets-hub", "subset": "datasets-subset", "split": "datasets-split", "revision": "datasets-revision"}


class Register(Protocol):
    """Puts a path, or hub:ORG/NAME, on the list."""

    def __call__(self, path: str, **hub: str | None) -> None:
        """Refusals become notices."""


@dataclass(frozen=True, slots=True)
class Adding:
    """What the forms do; `upload` gets the key of the widget that holds the files."""

    upload: Callable[[str], None]
    register: Register


def upload_form(adding: Adding, max_bytes: int, key: str) -> None:
    """Files from the browser's machine."""
    st.file_uploader(
        "Drop dataset files here, or browse",
        type=[suffix.removeprefix(".") for suffix in SUFFIXES],
        accept_multiple_files=True,
        key=key,
        help="Copied into the workspace of this machine; they go nowhere else.",
        on_change=adding.upload,
        args=(key,),
    )
    st.caption(f"Up to {in_bytes(max_bytes)} a file. The same content is kept once; point to larger files instead.")


def path_form(adding: Adding) -> None:
    """A file or folder that stays where it is."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Path of a file or folder",
            key=PATH,
            placeholder="/data/tickets.jsonl",
            help="Read where it lies, never written to.",
        )
        st.button(
            "Put the path on the list",
            icon=":material/playlist_add:",
            key="datasets-add-path",
            on_click=lambda: adding.register(str(widget_value(PATH) or "")),
        )


def hub_form(adding: Adding, *, is_offline: bool) -> None:
    """A dataset of the hub by its name; nothing is fetched yet."""
    with st.grid(4, min_column_width=150):
        st.text_input("Name on the hub", key=HUB["path"], placeholder="org/name")
        st.text_input("Split", key=HUB["split"], placeholder="train")
        st.text_input("Revision", key=HUB["revision"], placeholder="main, a tag or a commit")
        st.text_input("Configuration", key=HUB["subset"], placeholder="where it has several")
    st.button(
        "Put the hub dataset on the list",
        icon=":material/playlist_add:",
        key="datasets-add-hub",
        on_click=lambda: _register_hub(adding),
    )
    offline = f" {OFFLINE}" if is_offline else ""
    st.caption(f"Nothing is fetched before you ask for it.{offline}")


def _register_hub(adding: Adding) -> None:
    told = {name: str(widget_value(key) or "").strip() for name, key in HUB.items()}
    path = told.pop("path")
    adding.register(path if path.startswith("hub:") else f"hub:{path}", **told)
