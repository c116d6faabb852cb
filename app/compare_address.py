"""The address of the Compare view: ?runs=a,b,c says which runs, so that the link in the browser restores the page."""

from collections.abc import Sequence

import streamlit as st

from app.session import note, noted, show_in_widget, widget_value

RUNS = "compare-runs"
_SHOWN = "compare-shown"


def opened(preferred: Sequence[str]) -> list[str]:
    """The ids to show: as the widget says, unless the browser came by a link or went back in its history.

    Ids may be unknown: those of a link stay in it, so that going back in the history leads on. Without any in the
    address `preferred` are shown. Call it before the widget is drawn.
    """
    asked, held = _asked(), widget_value(RUNS)
    if held is None:
        return asked or list(preferred)
    here = [str(run_id) for run_id in held]
    if here != noted(_SHOWN):  # a person chose; the browser may not have heard of our last address yet
        return here
    return asked


def show(run_ids: Sequence[str]) -> None:
    """Have the widget hold these."""
    show_in_widget(RUNS, list(run_ids))


def keep(run_ids: Sequence[str], shown: Sequence[str]) -> None:
    """Write the address, if it says something else; `shown` are those of them that there are."""
    chosen = list(run_ids)
    if _asked() != chosen:
        if chosen:
            st.query_params["runs"] = ",".join(chosen)
        elif "runs" in st.query_params:
            del st.query_params["runs"]
    note(_SHOWN, list(shown))


def _asked() -> list[str]:
    """Ids with commas between them, or one for each parameter; also as sources, such as run:ID."""
    given = ",".join(st.query_params.get_all("runs")).split(",")
    return list(dict.fromkeys(one.strip().removeprefix("run:") for one in given if one.strip()))
