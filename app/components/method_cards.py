"""The methods as cards, recommended ones first."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.spec import Spec

FIRST = 6


def method_cards(specs: Sequence[type[Spec]], chosen: str, choose: Callable[[str], None]) -> None:
    """One card per method with what it is and when to use it; `choose(name)` is called by its button.

    The first ones and the chosen one are seen at once, the others behind a click, those that cannot work last.
    """
    ordered = sorted(specs, key=lambda spec: (bool(spec.card.unavailable), not spec.card.recommended))
    shown = [spec for index, spec in enumerate(ordered) if index < FIRST or spec.spec_name() == chosen]
    _grid(shown, chosen, choose, "methods")
    with st.expander("All other methods", icon=":material/apps:"):
        _grid([spec for spec in ordered if spec not in shown], chosen, choose, "other-methods")


def _grid(specs: Sequence[type[Spec]], chosen: str, choose: Callable[[str], None], key: str) -> None:
    with st.grid(3, min_column_width=180, gap="small", key=key):
        for spec in specs:
            _card(spec, spec.spec_name() == chosen, choose)


def _card(spec: type[Spec], is_chosen: bool, choose: Callable[[str], None]) -> None:
    card, name = spec.card, spec.spec_name()
    with st.container(border=True, height="stretch", gap="xsmall", key=f"method-card-{name}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            st.markdown(f"**{card.title}**", width="content")
            if card.recommended:
                st.badge("Recommended", color="green")
        st.markdown(card.summary)
        st.caption(card.use_when)
        if card.unavailable:
            st.caption(f"Not available: {escape(card.unavailable)}")
        st.space("stretch")
        st.button(
            "Chosen" if is_chosen else f"Use {card.title}",
            key=f"method-{name}",
            icon=":material/check:" if is_chosen else None,
            type="primary" if is_chosen else "secondary",
            width="stretch",
            disabled=bool(card.unavailable),
            help=_help(spec),
            on_click=choose,
            args=(name,),
        )


def _help(spec: type[Spec]) -> str | None:
    card = spec.card
    needs = f"Needs {', '.join(card.requires)}." if card.requires else ""
    merge = "" if card.can_merge else "Cannot be merged into the base model."
    quantized = "" if card.works_quantized else "Needs unquantized base weights."
    return " ".join(part for part in (needs, merge, quantized, card.limits, card.paper) if part) or None
