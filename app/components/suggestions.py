"""Suggested settings as a table: what is now, what is suggested, and why; all or single ones can be applied."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.memory_levers import Changes
from backend.domain.smart_defaults import Suggestion, as_words


def suggestions_table(found: Sequence[Suggestion], apply: Callable[[Changes], None]) -> None:
    """`apply` gets the changes of the ones that are taken."""
    changes = [suggestion for suggestion in found if suggestion.is_change]
    st.dataframe(
        [
            {"Setting": key, "Now": as_words(one.now[key]), "Suggested": as_words(value), "Why": one.reason}
            for one in found
            for key, value in one.changes.items()
        ],
        hide_index=True,
        column_config={"Why": st.column_config.TextColumn(width="large")},
        alt="Suggested settings, each with its reason",
    )
    if not changes:
        st.caption("All of them hold already.")
        return
    together: Changes = {key: value for one in changes for key, value in one.changes.items()}
    st.button(
        f"Apply all {len(together)} changes",
        icon=":material/done_all:",
        key="train-suggest-all",
        help="Changes the form; nothing is started.",
        on_click=apply,
        args=(together,),
    )
    for one in changes:
        _single(one, apply)


def _single(suggestion: Suggestion, apply: Callable[[Changes], None]) -> None:
    words = ", ".join(f"{key} = {as_words(value)}" for key, value in suggestion.changes.items())
    first = next(iter(suggestion.changes)).replace(".", "-")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Apply",
            icon=":material/check:",
            key=f"train-suggest-{first}",
            help=escape(suggestion.reason),
            on_click=apply,
            args=(suggestion.changes,),
        )
        st.markdown(escape(words))
