"""The dashboard in a real browser: addresses, uploads, typed paths, reloads, no word to other hosts."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import set_number

pytestmark = pytest.mark.browser
VIEWS = ("", "train", "monitor", "runs", "curves", "compare", "chat", "machine")


def test_every_view_has_an_address_and_nothing_is_asked_of_other_hosts(address: str, page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)
    for view in VIEWS:
        page.goto(f"{address}/{view}")
        expect(page.locator("h1, h2").first).to_be_visible()
        expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")
        expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert refused == []


def test_an_uploaded_file_and_a_turned_knob_survive_a_reload(address: str, page: Page, rows: Path) -> None:
    page.goto(f"{address}/train")
    page.locator("input[type=file]").set_input_files(str(rows))
    expect(page.get_by_text("30 rows")).to_be_visible()
    set_number(page, "Rank (r)", "48")
    set_number(page, "Learning rate", "5e-6", "0.000005")
    page.reload()
    expect(page.get_by_text("30 rows")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Rank (r)")).to_have_value("48")
    expect(page.get_by_role("spinbutton", name="Learning rate")).to_have_value("0.000005")


def test_a_path_can_be_typed_where_samples_are_offered(address: str, page: Page, rows: Path) -> None:
    page.goto(f"{address}/train")
    box = page.get_by_role("combobox", name="Dataset")
    box.fill(str(rows))
    box.press("Enter")
    expect(page.get_by_text("30 rows")).to_be_visible()
    model = page.get_by_role("combobox", name="Base model")
    model.fill("somebody/some-model")
    model.press("Enter")
    expect(page.get_by_text("Not in the catalogue")).to_be_visible()
    expect(page.get_by_role("button", name="Start the run")).to_be_enabled()
