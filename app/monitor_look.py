"""How Monitor's charts are drawn: its toolbar, whose choices are remembered for all runs."""

import streamlit as st

from app.components.curve_toolbar import axis_select, smoothing_slider, view_switches
from app.links import open_view
from app.session import show_in_widget, state_manager, widget_value
from backend.domain.actions import set_axes, set_log_axis, set_smoothing
from backend.domain.application_state import UIState
from backend.domain.board import Look, XAxis
from backend.services.bundle import Services

KEYS = {name: f"monitor-{name}" for name in ("smoothing", "x", "logx", "logy", "outliers", "ghosts")}


def chart_look(services: Services, run_id: str) -> Look:
    """Draw the controls above the charts, and tell what they say."""
    state = state_manager(services)
    _begin_with(state.state.ui)
    smoothing_slider(KEYS["smoothing"])
    axis_select(KEYS["x"])
    with st.popover("View", icon=":material/tune:", key="monitor-view"):
        view_switches(KEYS)
    st.button(
        "Open in Curves",
        icon=":material/stacked_line_chart:",
        key="monitor-curves",
        help="With filters, groups and other runs beside it.",
        on_click=open_view,
        args=("curves",),
        kwargs={"runs": f"run:{run_id}"},
    )
    told = {name: widget_value(key) for name, key in KEYS.items()}
    state.update_state(set_smoothing(told["smoothing"]))
    state.update_state(set_axes(XAxis(told["x"]), is_log_x=told["logx"]))
    state.update_state(set_log_axis(told["logy"]))
    return Look(
        told["smoothing"],
        XAxis(told["x"]),
        is_log_x=told["logx"],
        is_log_y=told["logy"],
        ignores_outliers=told["outliers"],
        shows_ghosts=told["ghosts"],
    )


def _begin_with(known: UIState) -> None:
    first = {
        "smoothing": known.smoothing,
        "x": known.x_axis.value,
        "logx": known.is_log_x,
        "logy": known.is_log_axis,
        "outliers": False,
        "ghosts": True,
    }
    for name, value in first.items():
        if widget_value(KEYS[name]) is None:
            show_in_widget(KEYS[name], value)
