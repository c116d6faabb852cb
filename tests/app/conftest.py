"""The dashboard on a real container over a private workspace; only what would start processes is a fake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from dependency_injector import providers
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app import watching
from app.runtime import use_container
from backend.containers import StudioContainer, build_container
from backend.services.bundle import Services
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor
from tests.fakes.lines import ScriptedProgram
from tests.fakes.memory import says_trace

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page waits for comes, however slow this machine is."""
    monkeypatch.setattr(watching, "ROUNDS", 300)


@pytest.fixture
def studio(workspace: Path) -> Iterator[StudioContainer]:
    """A container that a test may override further, before it asks for the services."""
    container = build_container(Settings(workspace=workspace))
    container.executor.override(providers.Object(FakeExecutor(FakeClock())))
    container.forecaster.override(providers.Object(ScriptedProgram(lambda _: says_trace(), FakeClock())))
    st.cache_data.clear()
    st.cache_resource.clear()
    use_container(container)
    yield container
    use_container(None)
    container.shutdown_resources()


@pytest.fixture
def services(studio: StudioContainer) -> Services:
    return studio.services()


def open_page(url_path: str = "home", **query: str) -> AppTest:
    """The app as a browser shows it that opens /url_path?query."""
    at = AppTest.from_file(str(MAIN), default_timeout=60)
    at._page_hash = calc_hash(url_path)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def board_told(at: AppTest) -> dict[str, Any]:
    """What the one board of a page is told: its charts, and their look."""
    return component_told(at, "studio_board")


def component_told(at: AppTest, name: str) -> dict[str, Any]:
    """What the one component of this name is told."""
    (found,) = (one.proto for one in at.get("bidi_component") if one.proto.component_name == name)
    told: dict[str, Any] = json.loads(found.json)
    return told
