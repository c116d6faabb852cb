"""Datasets in a browser: drop a file, see its rows, find one."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settle

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def test_a_dropped_file_is_opened_with_its_rows_and_the_address_shows_it_again(
    page: Page, address: str, rows: Path
) -> None:
    page.goto(f"{address}/datasets")
    expect(page.get_by_role("heading", name="Datasets")).to_be_visible()
    page.locator("input[type=file]").first.set_input_files(str(rows))
    expect(page.get_by_role("heading", name="rows.jsonl")).to_be_visible()
    expect(page.get_by_text("30 rows").first).to_be_visible()
    settle(page)
    box = page.get_by_role("spinbutton", name="Row", exact=True)
    box.fill("12")
    box.press("Enter")
    answer = page.get_by_test_id("stCode").get_by_text("It is 11.", exact=True)
    expect(answer).to_be_visible()
    page.wait_for_url("**row=12*")
    page.reload()
    expect(answer).to_be_visible()
