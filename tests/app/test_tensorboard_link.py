"""The way from Monitor to TensorBoard itself: a button, a wait, a link, and its page within ours."""

import pytest
from dependency_injector import providers

from backend.containers import StudioContainer
from backend.domain.states import RunState
from backend.services.bundle import Services
from backend.services.tensorboard_server import SERVER_FILE
from tests.app.conftest import open_page
from tests.app.test_view_monitor import add_run
from tests.fakes.executor import FakeExecutor
from tests.fakes.tensorboard import FakeTensorBoards

KEY = "monitor-tensorboard-done"
START = "Open in TensorBoard"


@pytest.fixture
def probe(studio: StudioContainer) -> FakeTensorBoards:
    found = FakeTensorBoards()
    studio.tensorboards.override(providers.Object(found))
    return found


@pytest.fixture
def executor(studio: StudioContainer) -> FakeExecutor:
    found = studio.executor()
    assert isinstance(found, FakeExecutor)
    return found


@pytest.fixture(autouse=True)
def _a_run(studio: StudioContainer, probe: FakeTensorBoards) -> None:
    add_run(studio, "done", RunState.FINISHED, name="Sums *bold*")


def labels(at: object) -> list[str]:
    return [button.label for button in at.button]  # type: ignore[attr-defined]


def answer(studio: StudioContainer, probe: FakeTensorBoards) -> None:
    (place,) = (studio.settings().workspace / "tensorboard").iterdir()
    assert (place / SERVER_FILE).exists()
    assert [link.name for link in (place / "logs").iterdir()] == ["Sums *bold*"]
    probe.answering[5001] = place / "logs"


def test_it_is_started_by_a_click_and_linked_when_it_answers(
    studio: StudioContainer, services: Services, probe: FakeTensorBoards, executor: FakeExecutor
) -> None:
    at = open_page("monitor", run="done")
    assert START in labels(at)
    assert executor.warmed == []
    at.button(key=f"{KEY}-start").click().run()
    assert not at.exception
    assert len(executor.warmed) == 1
    assert START not in labels(at)
    assert "TensorBoard is starting" in at.status[0].label
    answer(studio, probe)
    at.run()
    assert not at.exception
    (link,) = at.get("link_button")
    assert link.proto.url.startswith("http://127.0.0.1:5001/")
    assert not at.get("iframe"), "its page is loaded only when it is wanted"
    at.toggle(key=f"{KEY}-here").set_value(True).run()
    assert [frame.proto.src for frame in at.get("iframe")] == [link.proto.url]
    at.button(key=f"{KEY}-stop").click().run()
    assert START in labels(at)
    assert executor.waiting() == []


def test_a_missing_package_is_told_on_the_page(services: Services, probe: FakeTensorBoards) -> None:
    probe.has_package = False
    at = open_page("monitor", run="done")
    at.button(key=f"{KEY}-start").click().run()
    assert not at.exception
    assert "tensorboard" in " ".join(error.value for error in at.error)
    assert START in labels(at)


def test_one_that_fails_says_so_with_no_markup_of_its_log(
    studio: StudioContainer, services: Services, probe: FakeTensorBoards, executor: FakeExecutor
) -> None:
    at = open_page("monitor", run="done")
    at.button(key=f"{KEY}-start").click().run()
    (place,) = (studio.settings().workspace / "tensorboard").iterdir()
    (place / "server.log").write_text("![x](http://127.0.0.1:9/beacon)\n")
    for _ in range(3):
        executor.end_warm(1)
        services.tensorboard.tend()
    at.run()
    assert not at.exception
    (said,) = [error.value for error in at.error]
    assert "It ended with exit code 1" in said
    assert "![x](" not in said
    assert "Try again" in labels(at)


def test_a_flag_takes_the_button_away_at_once(services: Services) -> None:
    services.settings.set("flags.tensorboard", False)
    at = open_page("monitor", run="done")
    assert not at.exception
    assert START not in labels(at)
    services.settings.reset("flags.tensorboard")
    assert START in labels(at.run())
