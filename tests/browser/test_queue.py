"""The queue in a real browser: put in order by the mouse and by the keyboard, and what others do to it meanwhile."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Locator, Page, expect

from backend.containers import build_container
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from config.settings import Settings
from tests.browser.conftest import served, settle, wait_until
from tests.browser.test_axe import COLOURS, DARK, STREAMLITS_OWN, lasting
from tests.fakes.full_studio import full_studio
from tests.fakes.runs import NOON, a_run

pytestmark = pytest.mark.browser
NAMES = ("first", "second", "<b>third</b> ![x](http://example.invalid/x.png)", "fourth")
IDS = ["a", "b", "c", "d"]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that is at work, in the only place for runs; one that waits behind these four."""
    folder = tmp_path_factory.mktemp("queue") / "workspace"
    with full_studio(folder):
        yield folder


@pytest.fixture(scope="module")
def services(workspace: Path) -> Iterator[Services]:
    """The same store as the server's, from another program."""
    studio = build_container(Settings(workspace=workspace))
    for number, (run_id, name) in enumerate(zip(IDS, NAMES, strict=True)):
        run_dir = studio.settings().runs_folder / run_id
        run_dir.mkdir()
        facts = {"state": RunState.QUEUED, "wish": Wish.RUN, "queued_at": NOON + timedelta(seconds=number)}
        studio.store().create(a_run(run_id, name=name, run_dir=run_dir, **facts))
    yield studio.services()
    studio.shutdown_resources()


@pytest.fixture(scope="module")
def address(workspace: Path, services: Services) -> Iterator[str]:
    with served(workspace) as found:
        yield f"{found}/runs"


@pytest.fixture
def queue(address: str, services: Services, page: Page) -> Page:
    """The page, with the runs in their first order."""
    for place, run_id in enumerate(IDS, 1):
        services.queue.move(run_id, place)
    page.goto(address)
    settle(page)
    expect(rows(page)).to_have_count(5)
    expect(rows(page).first).to_contain_text("first")
    return page


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Waiting runs").get_by_role("listitem")


def grip(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"Move {name}, place")


def said(page: Page) -> Locator:
    return page.locator(".queue [role=status]")


def line(services: Services) -> list[str]:
    return [run.id for run in services.queue.waiting().line][: len(IDS)]


def is_line(services: Services, *ids: str) -> None:
    wait_until(lambda: line(services) == list(ids))


def test_a_run_is_dragged_to_another_place(queue: Page, services: Services) -> None:
    start, end = rows(queue).nth(3).bounding_box(), rows(queue).nth(0).bounding_box()
    assert start is not None
    assert end is not None
    queue.mouse.move(start["x"] + 60, start["y"] + start["height"] / 2)
    queue.mouse.down()
    queue.mouse.move(start["x"] + 60, start["y"] - 5, steps=4)
    queue.mouse.move(end["x"] + 60, end["y"] + 4, steps=8)
    expect(rows(queue).first).to_contain_text("fourth")
    assert line(services) == ["a", "b", "c", "d"], "it is moved when it is put down"
    queue.mouse.up()
    is_line(services, "d", "a", "b", "c")
    settle(queue)
    expect(rows(queue).first).to_contain_text("fourth")
    expect(said(queue)).to_have_text("fourth is at place 1 of 5.")
    assert services.status.journal("d")[-1].reason == "moved to place 1 of the queue"


def test_a_drag_that_is_given_up_moves_nothing(queue: Page, services: Services) -> None:
    box = grip(queue, "first").bounding_box()
    assert box is not None
    queue.mouse.move(box["x"] + 8, box["y"] + 8)
    queue.mouse.down()
    queue.mouse.move(box["x"] + 8, box["y"] + 200, steps=8)
    expect(rows(queue).first).to_contain_text("second")
    queue.keyboard.press("Escape")
    queue.mouse.up()
    expect(rows(queue).first).to_contain_text("first")
    assert line(services) == IDS


def test_a_run_is_moved_by_the_keyboard_and_that_is_told(queue: Page, services: Services) -> None:
    grip(queue, "second").focus()
    queue.keyboard.press("Alt+ArrowDown")
    is_line(services, "a", "c", "b", "d")
    expect(said(queue)).to_have_text("second is at place 3 of 5.")
    expect(grip(queue, "second")).to_be_focused()
    settle(queue)
    queue.keyboard.press("Space")
    expect(grip(queue, "second")).to_have_attribute("aria-pressed", "true")
    queue.keyboard.press("Home")
    queue.keyboard.press("ArrowDown")
    assert line(services) == ["a", "c", "b", "d"], "it is in hand"
    queue.keyboard.press("Space")
    is_line(services, "a", "b", "c", "d")
    expect(grip(queue, "second")).to_be_focused()
    queue.keyboard.press("ArrowDown")
    expect(grip(queue, NAMES[2])).to_be_focused()
    queue.keyboard.press("Space")
    queue.keyboard.press("ArrowUp")
    queue.keyboard.press("Escape")
    expect(said(queue)).to_have_text(f"{NAMES[2]} was put back.")
    assert line(services) == IDS


def test_the_buttons_of_a_row_move_and_hold_it(queue: Page, services: Services) -> None:
    rows(queue).nth(2).get_by_role("button", name="head of the queue").click()
    is_line(services, "c", "a", "b", "d")
    settle(queue)
    queue.get_by_role("button", name="Hold: fourth").click()
    wait_until(lambda: line(services)[:3] == ["c", "a", "b"] and "d" not in line(services))
    queue.get_by_role("button", name="Release").click()
    wait_until(lambda: "d" in line(services))


def test_what_another_program_does_to_the_queue_is_shown_and_stands(queue: Page, services: Services) -> None:
    services.queue.move("d", 1)
    expect(rows(queue).first).to_contain_text("fourth")
    grip(queue, "first").focus()
    queue.keyboard.press("Space")
    queue.keyboard.press("ArrowDown")
    services.queue.move("b", 1)
    expect(said(queue)).to_have_text("The queue changed meanwhile; nothing was moved.")
    expect(rows(queue).first).to_contain_text("second")
    is_line(services, "b", "d", "a", "c")


def test_axe_finds_nothing_serious_on_the_queue_in_light_and_dark(queue: Page) -> None:
    queue.evaluate(AXE_SCRIPT)
    assert lasting(queue) == []
    queue.emulate_media(color_scheme="dark")
    expect(queue.locator("[data-testid=stApp]")).to_have_css("background-color", DARK)
    grip(queue, "first").focus()
    queue.keyboard.press("Space")
    assert lasting(queue, COLOURS, STREAMLITS_OWN) == []


def test_a_name_is_text_and_nothing_else(queue: Page) -> None:
    asked: list[str] = []
    queue.on("request", lambda request: asked.append(request.url))
    expect(rows(queue).nth(2)).to_contain_text(NAMES[2])
    assert queue.locator(".queue b, .queue img").count() == 0
    assert not [url for url in asked if "example.invalid" in url]
