"""Errors as people meet them: a box with id, time and incident, a way out, and a link to more."""

import logging
from pathlib import Path

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from app.components.incident_box import PAGES
from app.components.markdown_escape import escape
from app.navigation import MENU
from backend.containers import StudioContainer
from backend.domain.errors import ModelNotFound
from backend.domain.run_view import RunView
from backend.errors import Action, DataError, StorageError, StudioError
from backend.services.bundle import Services
from backend.services.dataset_errors import DatasetNotListed
from backend.services.errors import DiskTight, RunIsActive
from backend.services.settings_errors import SettingUnknown
from backend.store.errors import StoreBusy
from tests.app.conftest import open_page


class Status:
    """A StatusManager whose list fails as long as there are failures."""

    def __init__(self, *failures: Exception, forever: bool = False) -> None:
        self.failures = list(failures)
        self.forever = forever
        self.asked = 0

    def active(self) -> tuple[RunView, ...]:
        return ()

    def version(self) -> int:
        return 0

    def list(self) -> tuple[RunView, ...]:
        self.asked += 1
        if self.failures:
            raise self.failures[0] if self.forever else self.failures.pop(0)
        return ()


def links(at: AppTest) -> dict[str, str]:
    """Labels of the links of the page itself, with the address that each leads to."""
    found = [link.proto for link in at.main.get("page_link")]
    return {link.label: f"{link.page}?{link.query_string}".rstrip("?") for link in found}


def test_an_error_carries_id_time_incident_and_a_link_to_more(studio: StudioContainer) -> None:
    studio.status.override(providers.Object(Status(StorageError(), forever=True)))
    at = open_page("runs")
    (incident,) = studio.errors().open_incidents()
    reference = at.error[0].value.rpartition(":small")[2]
    assert [escape(part) in reference for part in ("storage", incident.error.at, incident.id)] == [True] * 3
    assert links(at) == {"More about this error": "errors?error=storage"}


def test_try_again_draws_the_page_again_and_the_end_is_logged(
    studio: StudioContainer, caplog: pytest.LogCaptureFixture
) -> None:
    status = Status(RuntimeError("a mistake"), forever=True)
    studio.status.override(providers.Object(status))
    at = open_page("runs")
    (incident,) = studio.errors().open_incidents()
    at.button(key=f"try-again-{incident.id}").click().run()
    assert incident.id in at.error[0].value
    status.failures.clear()
    with caplog.at_level(logging.INFO, logger="backend.services.error_handler"):
        at.button(key=f"try-again-{incident.id}").click().run()
    assert not at.error
    assert f"error.resolved: incident {incident.id}" in caplog.text


def test_a_store_that_was_busy_for_a_moment_is_asked_again_without_a_word(studio: StudioContainer) -> None:
    status = Status(StoreBusy(url="x", detail="locked"))
    studio.status.override(providers.Object(status))
    at = open_page("runs")
    assert not at.error
    assert status.asked == 2


def test_a_store_that_stays_busy_is_told_after_one_more_try(studio: StudioContainer) -> None:
    status = Status(StoreBusy(url="x", detail="locked"), forever=True)
    studio.status.override(providers.Object(status))
    at = open_page("runs")
    assert "store\\-busy" in at.error[0].value
    assert status.asked == 2
    assert [button.label for button in at.main.button] == ["Try again"]


@pytest.mark.parametrize(
    ("error", "label", "page"),
    [
        (DiskTight(folder="/x"), "Open Machine", "machine"),
        (DatasetNotListed(path="x"), "Open Datasets", "datasets"),
        (ModelNotFound(name="x"), "Open Models", "models"),
        (SettingUnknown(key="x"), "Open Settings", "settings"),
    ],
)
def test_the_way_out_leads_to_the_page_that_helps(
    studio: StudioContainer, error: StudioError, label: str, page: str
) -> None:
    studio.status.override(providers.Object(Status(error, forever=True)))
    assert links(open_page("runs"))[label] == page


def test_every_way_out_is_a_button_or_a_page_of_the_menu() -> None:
    assert set(Action) == {Action.TRY_AGAIN, *PAGES}
    assert {page for page, _, _ in PAGES.values()} <= {view.url_path for view in MENU}


def test_an_error_of_a_run_leads_to_it_and_to_no_page_that_is_not_there(studio: StudioContainer) -> None:
    error = RunIsActive(run_id="a-run", state="running", action="Deleting")
    studio.status.override(providers.Object(Status(error, forever=True)))
    assert links(open_page("runs"))["Open the run"] == "monitor?run=a-run"


def test_before_there_is_a_menu_an_error_is_told_without_links(studio: StudioContainer) -> None:
    def refuse() -> None:
        raise DataError

    studio.store.override(providers.Callable(refuse))
    at = open_page()
    assert not at.exception
    assert at.error
    assert links(at) == {}


def test_details_are_shown_to_who_asked_for_debugging(
    studio: StudioContainer, caplog: pytest.LogCaptureFixture
) -> None:
    studio.status.override(providers.Object(Status(RuntimeError("a mistake"), forever=True)))
    with caplog.at_level(logging.DEBUG, logger="backend.services.error_handler"):
        at = open_page("runs")
    assert "RuntimeError: a mistake" in at.code[0].value


def _page_with_clicks() -> None:
    import streamlit as st

    from app.notices import attempt, draw_notices
    from backend.errors import StorageError

    def refuse() -> None:
        raise StorageError

    def break_down() -> None:
        raise RuntimeError("/secret/path")

    draw_notices()
    st.button("Refuse", on_click=attempt, args=(refuse,), key="refuse")
    st.button("Break", on_click=attempt, args=(break_down,), key="break")
    st.button("Both", on_click=lambda: (attempt(refuse), attempt(refuse)), key="both")


def test_a_click_that_fails_is_told_on_the_next_page_whatever_went_wrong(services: Services) -> None:
    at = AppTest.from_function(_page_with_clicks, default_timeout=60).run()
    at.button(key="refuse").click().run()
    assert "Something went wrong" in at.error[0].value
    at.button(key="break").click().run()
    assert not at.exception
    assert "click\\-failed" in at.error[0].value
    assert "secret" not in at.error[0].value
    at.button(key="both").click().run()
    assert len(at.error) == 1
    assert not at.run().error


def test_the_page_of_errors_tells_one_or_all(services: Services) -> None:
    at = open_page("errors", error="store-busy")
    assert "Another process has held it" in " ".join(text.value for text in at.main.markdown)
    assert at.code[0].value == "peft-studio explain store-busy"
    everything = open_page("errors").dataframe[0].value
    assert "store-busy" in everything["Error"].tolist()
    assert open_page("errors", error="no-such").dataframe, "an unknown id shows all of them"


def test_the_developers_page_is_not_listed_but_says_how_to_switch_it_on(services: Services, workspace: Path) -> None:
    at = open_page("developer")
    assert at.code[0].value == "PEFT_STUDIO_FLAGS__DEVELOPER=true"
    assert not at.metric


@pytest.mark.parametrize(("page", "stands"), [("errors", True), ("machine", True), ("runs", False)])
def test_while_the_store_cannot_be_read_some_pages_are_of_use(
    services: Services, studio: StudioContainer, page: str, stands: bool
) -> None:
    studio.store().close()
    file = studio.settings().workspace / "studio.db"
    file.unlink()
    file.write_bytes(b"no database" * 1000)
    at = open_page(page)
    assert not at.exception
    assert len(at.error) == 1, "the same trouble is told once"
    assert "store\\-damaged" in at.error[0].value
    assert bool(at.title) == stands


def _page_that_draws_itself_anew() -> None:
    import streamlit as st

    from app.notices import draw_again, draw_notices, say
    from app.session import count, count_up

    st.button("Do it", on_click=say, args=("It was done.",))
    draw_notices()
    if count("drawn") < 3:
        count_up("drawn")
        draw_again()


def test_what_was_told_still_stands_there_when_the_page_draws_itself_anew() -> None:
    at = AppTest.from_function(_page_that_draws_itself_anew, default_timeout=60).run()
    at.session_state["drawn"] = 1
    at.button[0].click().run()
    assert at.session_state["drawn"] == 3
    assert [box.value.replace("\\", "") for box in at.success] == ["It was done."]
    at.run()
    assert not at.success
