"""Choosing a base model: one of the catalogue, or any folder or hub id."""

from collections.abc import Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.components.parameter_input import Change, field_problems
from app.session import show_in_widget, widget_value
from config.catalog import CatalogModel

KEY = "base_model.path"
_WIDGET = f"draft-{KEY}"


def model_input(models: Sequence[CatalogModel], path: str | None, change: Change, problems: Sequence[str]) -> None:
    """The field, and what is known about the model that it holds."""
    known = {model.id: model for model in models}
    st.selectbox(
        "Base model",
        [*known, *([path] if path and path not in known else [])],
        index=None,
        format_func=lambda model_id: known[model_id].title if model_id in known else model_id,
        key=show_in_widget(_WIDGET, path or None),
        accept_new_options=True,
        placeholder="Choose one, or type a folder or a hub id",
        help="Pretrained weights: one of the list, a folder on this machine, or a hub id such as org/name.",
        on_change=lambda: change(KEY, str(widget_value(_WIDGET) or "").strip() or None),
    )
    field_problems(problems)
    if path in known:
        st.caption(escape(_facts(known[path])))
    elif path:
        st.caption("Not in the catalogue: a folder on this machine, or an id on the hub.")


def _facts(model: CatalogModel) -> str:
    size = f" {model.parameters / 1e6:,.0f} million parameters." if model.parameters else ""
    return f"{model.summary}{size} Licence: {model.licence}."
