"""Developer: in the menu on request only, and every number on it comes from this process."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from dependency_injector import providers

from app.navigation import MENU
from app.runtime import use_container
from app.shell import _page
from app.views.developer import SECTIONS
from backend.containers import StudioContainer, build_container
from backend.domain.states import RunState
from backend.services.bundle import Services
from backend.services.error_handler import Edge
from backend.services.settings_service import SettingsService
from config.settings import FeatureFlags, Settings
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor
from tests.fakes.runs import a_run


@pytest.fixture
def studio(workspace: Path) -> Iterator[StudioContainer]:
    container = build_container(Settings(workspace=workspace, flags=FeatureFlags(developer=True)))
    container.executor.override(providers.Object(FakeExecutor(FakeClock())))
    st.cache_data.clear()
    st.cache_resource.clear()
    use_container(container)
    yield container
    use_container(None)
    container.shutdown_resources()


def listed(services: Services) -> list[str]:
    """The pages in the menu as it is drawn now."""
    return [view.url_path for view in MENU if _page(view, services).visibility == "visible"]


def test_it_is_in_the_menu_for_those_who_switched_it_on(services: Services) -> None:
    assert listed(services)[-1] == "developer"
    before = set(listed(services))
    off = SettingsService(services.settings.current().model_copy(update={"flags": FeatureFlags(developer=False)}))
    assert before - set(listed(dataclasses.replace(services, settings=off))) == {"developer"}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_draws(services: Services, section: str) -> None:
    at = open_page("developer", section=section)
    assert not at.exception
    assert not at.error
    assert at.title[0].value == "Developer"


def test_now_tells_memory_sessions_fragments_and_open_errors(services: Services, studio: StudioContainer) -> None:
    open_page("machine")
    edge = Edge(present=lambda _: None)
    incident = studio.errors().handle(RuntimeError("a mistake"), "draw runs", edge)
    at = open_page("developer")
    figures = {metric.label: metric.value for metric in at.metric}
    assert "iB" in figures["Memory of the dashboard"]
    assert figures["Sessions that drew"] == "1"
    assert figures["Fragments alive"] == "1"
    assert [text.value for text in at.text] == ["machine: hardware, in 1 session"]
    assert at.dataframe[0].value["Incident"].tolist() == [incident.id]


def test_timings_are_those_of_the_pages_that_were_drawn(services: Services) -> None:
    open_page("runs")
    table = open_page("developer", section="Timings").dataframe[0].value
    runs = table[table["What"] == "runs"].iloc[0]
    assert runs["Kind"] == "page"
    assert runs["Draws"] == 1
    assert 0 < runs["Median, ms"] <= runs["Longest, ms"]


def test_events_are_what_happened(services: Services, studio: StudioContainer) -> None:
    services.journal.look()
    assert open_page("developer", section="Events").info
    studio.store().create(a_run("one", state=RunState.CREATED))
    services.journal.look()
    table = open_page("developer", section="Events").dataframe[0].value
    assert table["Event"].tolist() == ["RunAdded"]
    assert table["With"].tolist() == ["run_id=one, state=created"]


def test_the_state_is_that_of_this_session(services: Services) -> None:
    at = open_page("developer", section="State")
    told = json.loads(at.json[0].value)
    assert told["view"]["current"] == "developer"
    assert told["ui"]["chat"]["top_p"] == services.states.of(at.session_state["studio-session-id"]).state.ui.chat.top_p


def test_services_tell_what_is_built(services: Services) -> None:
    table = open_page("developer", section="Services").dataframe[0].value.set_index("Provider")
    assert table.loc["status", "Made by"] == "StatusManager"
    assert table.loc["status", "Is given"] == "executor, files, store"
    assert table.loc["status", "Built"]


def test_caches_tell_their_hits(services: Services) -> None:
    services.storage.usage()
    services.storage.usage()
    table = open_page("developer", section="Caches").dataframe[0].value.set_index("Cache")
    assert table.loc["answers", "Hits"] == 1
    assert table.loc["answers", "Hit rate, %"] == pytest.approx(50)
