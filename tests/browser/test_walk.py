"""The walk that the studio is for: upload, train, watch, reload, kill the dashboard, look again, ask."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import server, set_number, settle, wait_until
from tests.fakes.tiny_models import tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.training, pytest.mark.timeout(1800)]
STEPS = 100_000  # it is stopped
TRAINING_SECONDS = 600.0


def step_shown(page: Page) -> int:
    """The number before the slash of the Step figure; 0 before the first step."""
    figure = page.locator("[data-testid=stMetric]").filter(has_text=re.compile(r"^Step")).first
    found = re.search(r"([\d,]+) / ", figure.inner_text())
    return int(found[1].replace(",", "")) if found else 0


def start_a_run(page: Page, address: str, rows: Path, model: Path) -> None:
    page.goto(f"{address}/train")
    page.locator("input[type=file]").set_input_files(str(rows))
    expect(page.get_by_text("30 rows")).to_be_visible()
    box = page.get_by_role("combobox", name="Base model")
    box.fill(str(model))
    box.press("Enter")
    settle(page)
    page.get_by_text("Steps", exact=True).click()
    set_number(page, "Steps", str(STEPS))
    button = page.get_by_role("button", name="Start the run")
    expect(button).to_be_enabled()
    button.click()
    page.wait_for_url("**/monitor?run=*")


def test_a_person_walks_from_a_file_to_a_run_that_outlives_tab_and_dashboard(
    page: Page, rows: Path, workspace: Path, tmp_path: Path, free_port: int
) -> None:
    model = tiny_model(tmp_path / "model", "llama", rows.read_text().splitlines())
    address = f"http://127.0.0.1:{free_port}"
    with server(workspace, free_port) as dashboard:
        start_a_run(page, address, rows, model)
        wait_until(lambda: step_shown(page) >= 2, TRAINING_SECONDS)
        expect(page.locator(".chart canvas").first).to_be_visible()
        seen = step_shown(page)
        wait_until(lambda: step_shown(page) > seen, TRAINING_SECONDS)  # the curve moves by itself
        here = page.url
        page.reload()
        wait_until(lambda: step_shown(page) > seen, TRAINING_SECONDS)
        assert page.url == here
        seen = step_shown(page)
        dashboard.kill()
        dashboard.wait(30)
    with server(workspace, free_port):
        page.goto(here)
        wait_until(lambda: step_shown(page) > seen, TRAINING_SECONDS)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_text("Stopped on request")).to_be_visible(timeout=TRAINING_SECONDS * 1000)
        expect(page.get_by_role("button", name="Resume", exact=True)).to_be_enabled()
