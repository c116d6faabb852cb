"""Developer: what the dashboard is made of and how it does; real numbers of this process, in the menu on request."""

import streamlit as st

from app.components.developer_tables import (
    draw_caches,
    draw_events,
    draw_figures,
    draw_incidents,
    draw_providers,
    draw_state,
    draw_timings,
)
from app.links import link_to_view
from app.session import state_manager
from backend.services.bundle import Services
from backend.services.timings import FRAGMENT

LATELY_SECONDS = 60.0
SECTIONS = ("Now", "Timings", "Events", "State", "Services", "Caches")


def render(services: Services) -> None:
    """One section at a time; how to switch the page on, if it is not."""
    st.title("Developer", anchor=False)
    if not services.settings.current().flags.developer:
        st.info(
            "This page is for people who work on the studio, and it is switched off. Settings has the switch among the "
            "features; or start the dashboard with it in the environment:",
            icon=":material/bug_report:",
        )
        st.code("PEFT_STUDIO_FLAGS__DEVELOPER=true", language=None)
        link_to_view("settings", "Open Settings", ":material/settings:")
        return
    section = st.segmented_control(
        "Section", SECTIONS, default="Now", key="section", bind="query-params", required=True
    )
    st.button("Look again", icon=":material/refresh:")
    {
        "Now": _now,
        "Timings": _timings,
        "Events": _events,
        "State": _state,
        "Services": _services,
        "Caches": _caches,
    }[section or "Now"](services)


def _now(services: Services) -> None:
    insight = services.insight
    draw_figures(
        services.memory.use(),
        num_drawing=insight.timings.num_sessions(LATELY_SECONDS),
        num_remembered=len(services.states),
        fragments=insight.timings.alive(FRAGMENT, LATELY_SECONDS),
        lately_seconds=LATELY_SECONDS,
    )
    draw_incidents(insight.errors.open_incidents())


def _timings(services: Services) -> None:
    draw_timings(services.insight.timings.summaries())


def _events(services: Services) -> None:
    bus = services.insight.bus
    draw_events(bus.recent(), bus.num_published(), bus.num_subscriptions())


def _state(services: Services) -> None:
    draw_state(state_manager(services).state)


def _services(services: Services) -> None:
    draw_providers(services.insight.providers())


def _caches(services: Services) -> None:
    draw_caches(services.insight.cache_statistics())
