"""A page in the background is told by its server that a run has ended, and has the browser say so."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.containers import build_container
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from config.settings import Settings
from tests.browser.conftest import served, settle, wait_until
from tests.fakes.full_studio import full_studio
from tests.fakes.runs import NOON, a_run

pytestmark = pytest.mark.browser
NAME = "<b>second</b> ![x](http://example.invalid/x.png)"
BROWSER = """
window.shown = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { return (this.permission = "granted"); }
  constructor(title, { body }) { window.shown.push([title, body]); }
};
Object.defineProperty(document, "hidden", { get: () => Boolean(window.isAway) });
"""  # a browser without a head has no desktop, and is never hidden


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    """The same store as the server's: two runs that wait behind one at work."""
    workspace = tmp_path / "workspace"
    with full_studio(workspace):
        studio = build_container(Settings(workspace=workspace))
        for number, name in enumerate(("first", NAME, "third")):
            run_dir = studio.settings().runs_folder / f"run-{number}"
            run_dir.mkdir()
            facts = {"state": RunState.QUEUED, "wish": Wish.RUN, "queued_at": NOON + timedelta(seconds=number)}
            studio.store().create(a_run(run_dir.name, name=name, run_dir=run_dir, **facts))
        yield studio.services()
        studio.shutdown_resources()


def test_an_end_is_told_on_the_desktop_only_in_the_background_and_with_the_right_to(
    services: Services, page: Page
) -> None:
    services.settings.set("desktop_notifications", True)
    page.add_init_script(BROWSER)
    button = page.get_by_role("button", name="Allow desktop notifications")
    toast = page.get_by_test_id("stToast")
    with served(services.settings.current().workspace) as address:
        page.goto(f"{address}/machine")
        settle(page)
        page.evaluate("window.isAway = true")
        services.training.stop("run-0")
        expect(toast.filter(has_text="first was stopped.")).to_be_visible()
        settle(page)
        assert page.evaluate("window.shown") == [], "nobody has allowed it"
        button.click()
        expect(button).to_be_hidden()
        services.training.stop("run-1")
        wait_until(lambda: bool(page.evaluate("window.shown")))
        page.evaluate("window.isAway = false")
        services.training.stop("run-2")
        expect(toast.filter(has_text="third was stopped.")).to_be_visible()
        settle(page)
        assert page.evaluate("window.shown") == [["PEFT Studio", f"{NAME} was stopped."]]
