"""Choosing a method: the recommended ones first, then all of them by family, to be searched; each with its reasons."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import groupby

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.markdown_escape import escape
from app.session import widget_value
from backend.spec import Spec

FIRST = 6
ALL = "train-all-methods"
SEARCH = "train-method-search"

Choose = Callable[[str], None]


def method_picker(specs: Sequence[type[Spec]], chosen: type[Spec], why_not: Mapping[str, str], choose: Choose) -> None:
    """`why_not` says by name why a method cannot be chosen; `choose(name)` is called by its button.

    The first ones and the chosen one are seen at once, the others in an expander, those that cannot work last.
    """
    ordered = sorted(specs, key=lambda spec: (bool(why_not.get(spec.spec_name())), not spec.card.recommended))
    first = [spec for index, spec in enumerate(ordered) if index < FIRST or spec is chosen]
    _grid(first, chosen, why_not, choose, "methods")
    _told(chosen)
    with lazy_expander(f"All {len(specs)} methods", ":material/apps:", ALL) as is_open:
        if is_open:
            _all(ordered, first, chosen, why_not, choose)


def _all(
    specs: Sequence[type[Spec]],
    first: Sequence[type[Spec]],
    chosen: type[Spec],
    why_not: Mapping[str, str],
    choose: Choose,
) -> None:
    st.text_input(
        "Search methods",
        key=SEARCH,
        placeholder="Name, purpose, strength: small, memory, forget, prompt",
        icon=":material/search:",
    )
    wanted = str(widget_value(SEARCH) or "").casefold().split()
    found = [spec for spec in specs if all(word in _searched(spec) for word in wanted)]
    if not found:
        st.caption("No method matches. Search for less.")
    by_family = sorted(found, key=lambda spec: (_rank(specs, spec), spec.card.family))
    for family, group in groupby(by_family, key=lambda spec: spec.card.family):
        members = list(group)
        st.subheader(escape(family or "Others"), anchor=False)
        others = [spec for spec in members if spec not in first]
        above = [spec.card.title for spec in members if spec in first]
        if above:
            st.caption(escape(f"Above: {', '.join(above)}."))
        if others:
            _grid(others, chosen, why_not, choose, f"methods-{family}")


def _rank(specs: Sequence[type[Spec]], spec: type[Spec]) -> int:
    """Families in the order in which the registry names them first."""
    return next(place for place, one in enumerate(specs) if one.card.family == spec.card.family)


def _searched(spec: type[Spec]) -> str:
    card = spec.card
    return " ".join((spec.spec_name(), card.title, card.summary, card.use_when, card.family, *card.pros)).casefold()


def _grid(
    specs: Sequence[type[Spec]], chosen: type[Spec], why_not: Mapping[str, str], choose: Choose, key: str
) -> None:
    with st.grid(3, min_column_width=150, gap="small", key=key):
        for spec in specs:
            _card(spec, spec is chosen, why_not.get(spec.spec_name(), ""), choose)


def _card(spec: type[Spec], is_chosen: bool, why_not: str, choose: Choose) -> None:
    card, name = spec.card, spec.spec_name()
    with st.container(border=True, height="stretch", gap="xsmall", key=f"method-card-{name}"):
        st.markdown(_words(spec))
        if why_not:
            st.caption(f":material/block: Not available: {escape(why_not)}")
        st.space("stretch")
        st.button(
            "Chosen" if is_chosen else f"Use {escape(card.title)}",
            key=f"method-{name}",
            icon=":material/check:" if is_chosen else None,
            type="primary" if is_chosen else "secondary",
            width="stretch",
            disabled=bool(why_not) and not is_chosen,
            help=_help(spec),
            on_click=choose,
            args=(name,),
        )


@cache
def _words(spec: type[Spec]) -> str:
    card = spec.card
    mark = "  :green-badge[Recommended]" if card.recommended else ""
    return f"**{escape(card.title)}**{mark}\n\n{escape(card.summary)}\n\n:small[{escape(card.use_when)}]"


@cache
def _help(spec: type[Spec]) -> str:
    """For and against, on the button."""
    lines = [f":material/add: {escape(one)}" for one in spec.card.pros]
    lines += [f":material/remove: {escape(one)}" for one in (*spec.card.cons, *_needs(spec))]
    return "\n\n".join(lines)


def _told(spec: type[Spec]) -> None:
    """For and against of the chosen one, where it can be read at leisure."""
    card = spec.card
    lines = [f":green[:material/add:] {escape(one)}" for one in card.pros]
    lines += [f":orange[:material/remove:] {escape(one)}" for one in (*card.cons, *_needs(spec))]
    source = f":small[{escape(card.paper)}]" if card.paper else ""
    st.markdown("  \n".join([f"**{escape(card.title)}**: {escape(card.use_when)}", *lines, source]))


def _needs(spec: type[Spec]) -> list[str]:
    card = spec.card
    needs = [f"Needs {', '.join(card.requires)}."] if card.requires else []
    merge = [] if card.can_merge else ["Cannot be merged into the base model."]
    quantized = [] if card.works_quantized else ["Needs unquantized base weights."]
    return [*needs, *merge, *quantized, *([card.limits] if card.limits else [])]
