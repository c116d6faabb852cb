"""The address of the Curves view: widgets and query say the same, so that the link in the browser restores the page."""

from dataclasses import replace

import streamlit as st

from app.session import note, noted, show_in_widget, widget_value
from backend.domain.curve_link import NAMES, CurveLink, Query, from_query, to_query

_WRITTEN, _ZOOM, _ALIVE = "curves-written", "curves-zoom-noted", "curves-smoothing"


def key_of(name: str) -> str:
    """The key of the widget that holds a field of CurveLink."""
    return f"curves-{name}"


def opened(preferred: CurveLink) -> CurveLink:
    """What to show: as the widgets say, unless the browser came by a link, or went back or forward in its history.

    Without anything in the address, `preferred` is shown, and without runs in it, those that are preferred. Call
    it before the widgets are drawn.
    """
    asked = {name: st.query_params.get_all(name) for name in NAMES if name in st.query_params}
    written = noted(_WRITTEN)
    if widget_value(_ALIVE) is None:
        return _show(_linked(asked, preferred) if asked else preferred)
    here = from_widgets()
    has_person_acted = to_query(here) != written  # then the browser may not have heard of our last address yet
    return here if has_person_acted or asked == written else _show(_linked(asked, preferred))


def from_widgets() -> CurveLink:
    """What the widgets hold now; whatever is not drawn yet has its default."""
    told = {name: widget_value(key_of(name)) for name in NAMES if name != "zoom"}
    query = {name: _texts(value) for name, value in told.items() if value is not None}
    return from_query(query | {"zoom": [noted(_ZOOM) or ""]})


def keep(link: CurveLink) -> None:
    """Write the address, if it says something else."""
    query = to_query(link)
    here = {name: st.query_params.get_all(name) for name in st.query_params}
    if here != query:
        st.query_params.from_dict(query)
    note(_WRITTEN, query)


def zoom(text: str) -> None:
    """Remember the part of the x axis that is looked at, such as "10~250"; "" for all of it."""
    note(_ZOOM, text)


def _linked(asked: Query, preferred: CurveLink) -> CurveLink:
    link = from_query(asked)
    return link if "runs" in asked else replace(link, runs=preferred.runs)


def _show(link: CurveLink) -> CurveLink:
    for name in NAMES:
        value = getattr(link, name)
        if name == "zoom":
            zoom("".join(to_query(CurveLink(zoom=value)).get("zoom", [])))
        else:
            show_in_widget(key_of(name), _plain(value))
    return link


def _plain(value: object) -> object:
    """As widgets hold it: built-in types only."""
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, str) else value


def _texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(part) for part in value]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    return [str(value)]
