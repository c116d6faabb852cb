"""The first run of a newcomer: from an empty workspace by clicks alone to a tuned model, an answer, and an own file."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from config.demo import DEMO_QUESTION
from config.settings import Settings
from tests.browser.conftest import server, settle

pytestmark = [pytest.mark.browser, pytest.mark.training, pytest.mark.timeout(1800)]
LONG_MILLISECONDS = 600_000  # the model is made, then trained, on a machine that does other things too


def watch_the_demo(page: Page, address: str) -> None:
    """One click on Home; then the curves move, and the way on opens by itself."""
    page.goto(address)
    page.get_by_role("button", name="Start the 60-second tour").click()
    page.wait_for_url("**/monitor?run=*")
    expect(page.get_by_text("Tour, step 1 of 3")).to_be_visible()
    expect(page.get_by_role("button", name="Next: ask both models")).to_be_disabled()
    expect(page.locator(".chart canvas").first).to_be_visible(timeout=LONG_MILLISECONDS)
    further = page.get_by_role("button", name="Next: ask both models")
    expect(further).to_be_enabled(timeout=LONG_MILLISECONDS)
    expect(page.get_by_text(re.compile(r"The evaluation loss .*before training"))).to_be_visible()
    further.click()


def ask_both(page: Page) -> None:
    """The question that no training row has, put to both sides."""
    page.wait_for_url("**/chat?*")
    expect(page.get_by_text("Tour, step 2 of 3")).to_be_visible()
    box = page.locator("[data-testid=stChatInput] textarea")
    box.fill(DEMO_QUESTION)
    box.press("Enter")
    expect(page.get_by_text(re.compile("Be welcome, dear reader!")).first).to_be_visible(timeout=LONG_MILLISECONDS)
    expect(page.get_by_text("Base model", exact=True).first).to_be_visible()
    settle(page)


def train_own_file(page: Page, rows: Path) -> None:
    """The tour leads to Train with the demo model filled in; a file, a click, and it is trained to its end."""
    page.get_by_role("button", name="Next: your own file").click()
    page.wait_for_url("**/train*")
    expect(page.get_by_text("Tour, step 3 of 3")).to_be_visible()
    page.locator("input[type=file]").set_input_files(str(rows))
    start = page.get_by_role("button", name="Start the run")
    expect(start).to_be_enabled()
    start.click()
    page.wait_for_url("**/monitor?run=*")
    expect(page.get_by_text("This is a run of your own")).to_be_visible()
    page.get_by_role("button", name="Finish the tour").click()
    expect(page.get_by_text("Tour, step")).to_have_count(0)
    expect(page.get_by_text("Finished at step 120.")).to_be_visible(timeout=LONG_MILLISECONDS)
    expect(page.get_by_role("button", name="Ask the result")).to_be_enabled()


def test_a_newcomer_gets_from_nothing_to_an_answer_and_to_an_own_file_by_clicks(
    page: Page, rows: Path, workspace: Path, free_port: int, demo_models: Path
) -> None:
    """The demo model is made by the first run, or waited for, or there: tests of all processes share one."""
    workspace.mkdir()
    Settings(workspace=workspace).models_folder.symlink_to(demo_models, target_is_directory=True)
    address = f"http://127.0.0.1:{free_port}"
    with server(workspace, free_port):
        began = time.monotonic()
        watch_the_demo(page, address)
        ask_both(page)
        print(f"from nothing to a side-by-side answer: {time.monotonic() - began:.0f} s")  # noqa: T201
        train_own_file(page, rows)
        page.goto(address)
        expect(page.get_by_text("Ended lately")).to_be_visible()
