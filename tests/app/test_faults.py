"""What a service does to its views: a page tells of a fault with an id, and the other pages go on working."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.errors import ViewFailed
from app.navigation import MENU, View
from app.runtime import use_container
from backend.containers import StudioContainer, build_container
from backend.services.bundle import Services
from backend.store.errors import RunFolderNotMade
from config.settings import Settings
from tests.app.conftest import open_page
from tests.fakes.breaking import Instead, breaking, hanging, watched
from tests.fakes.full_studio import FAILED_ANSWER, Content, full_studio

BROKEN = RunFolderNotMade(run_dir=Path("somewhere"), reason="a test said so")
HANG_SECONDS = 60.0


@dataclass(frozen=True)
class Studio:
    """Draws pages from the services as they are, or from others instead."""

    container: StudioContainer
    whole: Services
    content: Content

    def show(self, view: View, services: Services | None = None) -> AppTest:
        """A page of a new session, of which nothing is remembered."""
        st.cache_data.clear()
        st.cache_resource.clear()
        use_container(Instead(self.container, services or self.whole))
        words = [word.split("=", 1) for word in self.content.query(view.url_path).split("&") if word]
        return open_page(view.url_path, **dict(words))


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    with full_studio(tmp_path_factory.mktemp("faults") / "workspace") as found:
        yield found


@pytest.fixture(scope="module")
def studio(content: Content) -> Iterator[Studio]:
    """A real container over a workspace with something on every view."""
    container = build_container(Settings(workspace=content.workspace))
    yield Studio(container, container.services(), content)
    use_container(None)
    container.shutdown_resources()


def frames(page: AppTest) -> list[str]:
    """What the error frames of a page say; not what once went wrong with an answer."""
    assert not page.exception
    told = [box.value.replace("\\", "") for box in page.error]
    return [text for text in told if FAILED_ANSWER not in text]


@pytest.fixture(scope="module")
def uses(studio: Studio) -> dict[str, list[str]]:
    """By view, the services that are asked when it is drawn, those of the shell among them."""
    found = {}
    for view in MENU:
        services, called = watched(studio.whole)
        assert frames(studio.show(view, services)) == []
        found[view.url_path] = sorted(called)
    return found


def own(view: View, uses: dict[str, list[str]]) -> list[str]:
    """The services of a view that some other view does without."""
    return [name for name in uses[view.url_path] if any(name not in names for names in uses.values())]


def without(name: str, uses: dict[str, list[str]]) -> View:
    """A view that does not need a service."""
    return next(view for view in MENU if name not in uses[view.url_path])


@pytest.mark.parametrize("view", MENU, ids=lambda view: view.url_path)
def test_whatever_service_of_a_view_breaks_is_told_with_an_id_and_the_rest_works(
    view: View, studio: Studio, uses: dict[str, list[str]]
) -> None:
    names = own(view, uses) or uses[view.url_path]
    told = []
    for number, name in enumerate(names):
        error, sign = [(BROKEN, BROKEN.id), (ZeroDivisionError("nothing"), ViewFailed.id)][number % 2]
        found = frames(studio.show(view, breaking(studio.whole, name, error)))
        assert all(sign in text for text in found), (name, found)
        told += found
    assert told, "no fault was told at all"
    last = names[-1]
    if last in own(view, uses):
        assert frames(studio.show(without(last, uses), breaking(studio.whole, last, BROKEN))) == []
    assert frames(studio.show(view)) == []  # nothing of it stays


def test_while_a_service_hangs_the_pages_that_do_without_it_go_on(studio: Studio, uses: dict[str, list[str]]) -> None:
    view = next(view for view in MENU if view.url_path == "machine")
    name = own(view, uses)[0]
    release = threading.Event()
    services, asked = hanging(studio.whole, name, release)
    stuck: list[AppTest] = []
    reader = threading.Thread(target=lambda: stuck.append(studio.show(view, services)), daemon=True)
    reader.start()
    try:
        assert asked.wait(HANG_SECONDS)
        assert frames(open_page(without(name, uses).url_path)) == []
        assert stuck == []  # it hangs still
    finally:
        release.set()
        reader.join(HANG_SECONDS)
    assert [frames(page) for page in stuck] == [[]]  # and is drawn when the answer comes
