"""Choosing a dataset: a shipped sample, an earlier upload, a new upload, or a path on this machine."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.parameter_input import Change, field_problems
from app.components.sizes import in_bytes
from app.session import count, show_in_widget, widget_value
from backend.services.dataset_library import SUFFIXES, StoredDataset
from config.catalog import SAMPLE_PREFIX

KEY = "dataset.path"
UPLOADS = "train-uploads"
_WIDGET = f"draft-{KEY}"


def dataset_input(
    datasets: Sequence[StoredDataset],
    path: str | None,
    change: Change,
    upload: Callable[[str], None],
    problems: Sequence[str],
) -> None:
    """The field and the uploader; `upload(key)` is called when the widget of that key holds a file."""
    labels = {dataset.path: _label(dataset) for dataset in datasets}
    st.selectbox(
        "Dataset",
        [*labels, *([path] if path and path not in labels else [])],
        index=None,
        format_func=lambda choice: labels.get(choice, choice),
        key=show_in_widget(_WIDGET, path or None),
        accept_new_options=True,
        placeholder="Choose a sample or an upload, or type a path on this machine",
        help="Samples ship with the studio; uploads are kept in the workspace; a path is read where it lies.",
        on_change=lambda: change(KEY, str(widget_value(_WIDGET) or "").strip() or None),
    )
    field_problems(problems)
    uploader = f"upload-{count(UPLOADS)}"
    st.file_uploader(
        "Upload a dataset",
        type=[suffix.removeprefix(".") for suffix in SUFFIXES],
        key=uploader,
        help="The file is copied into the workspace of this machine; it goes nowhere else.",
        on_change=upload,
        args=(uploader,),
    )


def _label(dataset: StoredDataset) -> str:
    size = in_bytes(dataset.size_bytes)
    if dataset.path.startswith(SAMPLE_PREFIX):
        return f"{dataset.name} (sample, {size})"
    *_, digest, _name = dataset.path.split("/")
    return f"{dataset.name} (upload {digest[:6]}, {size})"
