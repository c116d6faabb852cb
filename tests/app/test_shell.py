"""The shell: menu, addresses, the error frame, what every page has."""

import json
import logging
import os
from dataclasses import replace

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from app.components.markdown_escape import escape
from app.navigation import MENU
from backend.containers import StudioContainer
from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.errors import StorageError
from backend.services.bundle import Services
from backend.services.engine_restart import WORDS
from tests.app.conftest import open_page
from tests.fakes.runs import a_run


class BrokenStatus:
    """A StatusManager whose every answer is a failure."""

    def __init__(self, failure: Exception) -> None:
        self._failure = failure

    def active(self) -> tuple[RunView, ...]:
        return ()

    def version(self) -> int:
        return 0

    def list(self) -> tuple[RunView, ...]:
        raise self._failure


@pytest.mark.parametrize("view", MENU, ids=lambda view: view.url_path)
def test_every_view_draws_on_an_empty_workspace(services: Services, view: object) -> None:
    at = open_page(view.url_path)
    assert not at.exception
    assert not at.error
    assert at.title or at.header


def test_addresses_are_unique_and_the_first_view_is_the_default(services: Services) -> None:
    paths = [view.url_path for view in MENU]
    assert len(set(paths)) == len(paths)
    assert open_page("nothing-here").title[0].value == "Home"


def test_the_session_remembers_where_it_is(services: Services) -> None:
    at = open_page("machine")
    states = services.states.of(at.session_state["studio-session-id"])
    assert states.state.view.current == "machine"


def test_the_sidebar_counts_what_is_active(services: Services, studio: StudioContainer) -> None:
    assert "No run is active" in open_page().sidebar.markdown[0].value
    studio.store().create(a_run("one", state=RunState.RUNNING))
    studio.store().create(a_run("two", state=RunState.BACKOFF))
    words = " ".join(text.value for text in open_page().sidebar.markdown)
    assert "1 run is running" in words
    assert "1 run is waiting" in words


def test_an_expected_error_is_shown_with_what_why_fix_and_id(studio: StudioContainer) -> None:
    class DiskGone(StorageError):
        id = "disk-gone"
        what = "The disk is *gone*."
        why = "Somebody took it."
        fix = "Bring it back."

    studio.status.override(providers.Object(BrokenStatus(DiskGone())))
    box = open_page("runs").error[0].value
    for part in ("gone\\*", "Somebody took it", "Bring it back", "disk\\-gone"):
        assert part in box


def test_an_unexpected_error_shows_an_incident_and_no_trace(
    studio: StudioContainer, caplog: pytest.LogCaptureFixture
) -> None:
    studio.status.override(providers.Object(BrokenStatus(RuntimeError("/secret/path"))))
    with caplog.at_level(logging.ERROR, logger="backend.services.error_handler"):
        at = open_page("runs")
    assert not at.exception
    box = at.error[0].value
    assert "view\\-failed" in box
    assert "secret" not in box
    (record,) = (record for record in caplog.records if record.name == "backend.services.error_handler")
    assert record.fields["incident"] in box
    assert record.fields["operation"] == "draw runs"
    assert record.exc_info is not None


def test_services_that_cannot_be_built_are_explained_and_built_when_they_can(studio: StudioContainer) -> None:
    is_broken = [True]
    store = studio.store()

    def build() -> object:
        if is_broken[0]:
            raise StorageError
        return store

    studio.store.override(providers.Callable(build))
    at = open_page()
    assert at.title[0].value == "The studio could not start"
    assert "storage" in at.error[0].value
    at.button(key="start-again").click().run()
    assert at.title[0].value == "The studio could not start"
    is_broken[0] = False
    at.button(key="start-again").click().run()
    assert (at.title[0].value, len(at.error)) == ("Home", 0)


def test_a_draft_that_cannot_be_stored_is_told(services: Services, studio: StudioContainer) -> None:
    at = open_page()
    manager = services.states.of(at.session_state["studio-session-id"])
    store = studio.store()

    def refuse(*_: object) -> None:
        raise StorageError

    original = store.save_draft
    store.save_draft = refuse
    try:
        manager.update_state(lambda state: replace(state, view=replace(state.view, run_id="x")))
        assert "Something went wrong" in at.run().warning[0].value
    finally:
        store.save_draft = original


def _page_with_a_click_in_a_fragment() -> None:
    import streamlit as st

    from app.frame import framed
    from app.notices import draw_notices, say

    draw_notices()
    if "clicked" not in st.session_state:
        st.session_state["clicked"] = True
        say("It was done.")
    framed(lambda: st.write("the fragment"))()


def test_what_a_click_inside_a_fragment_told_is_drawn_at_once() -> None:
    at = AppTest.from_function(_page_with_a_click_in_a_fragment, default_timeout=60).run()
    assert [notice.value for notice in at.success] == ["It was done\\."]
    assert [text.value for text in at.markdown] == ["the fragment"]


def test_a_session_is_told_once_that_the_dashboard_was_started_again(
    services: Services, studio: StudioContainer
) -> None:
    file = studio.settings().workspace / "engine_state.json"
    file.write_text(json.dumps({"pid": os.getpid(), "restart": {"reason": "It was <killed>.", "at": ""}}))
    at = open_page("home")
    assert [toast.value for toast in at.toast] == [escape(f"{WORDS} It was <killed>.")]
    assert not at.run().toast
