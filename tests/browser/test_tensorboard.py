"""TensorBoard's own page, reached from Monitor and shown within it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.containers import build_container
from backend.domain.states import RunState
from config.settings import Settings
from tests.app.test_view_monitor import add_run

pytestmark = pytest.mark.browser

PATIENCE_MILLISECONDS = 90_000


@pytest.fixture
def monitor(workspace: Path, address: str) -> str:
    """The address of Monitor with a finished run."""
    container = build_container(Settings(workspace=workspace))
    add_run(container, "done", RunState.FINISHED, name="Sums")
    container.store().close()
    return f"{address}/monitor?run=done"


def test_a_click_starts_it_a_link_opens_it_and_a_frame_shows_it(monitor: str, page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(monitor)
    page.get_by_role("button", name="Open in TensorBoard").click(timeout=PATIENCE_MILLISECONDS)
    link = page.get_by_role("link", name="TensorBoard in a new tab")
    expect(link).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    url = link.get_attribute("href") or ""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{30,}/", url)
    assert link.get_attribute("target") == "_blank"
    assert "noreferrer" in (link.get_attribute("rel") or ""), "which implies noopener"

    page.get_by_text("Show it here").click()
    shown = page.frame_locator("iframe[src^='http://127.0.0.1']")
    expect(shown.get_by_text("train/loss").first).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    assert not [text for text in refused if "frame" in text], refused

    with page.expect_popup() as opened:
        link.click()
    expect(opened.value).to_have_title(re.compile("TensorBoard"), timeout=PATIENCE_MILLISECONDS)
    assert opened.value.evaluate("window.opener") is None
    page.get_by_role("button", name="Stop TensorBoard").click()
    expect(page.get_by_role("button", name="Open in TensorBoard")).to_be_visible(timeout=PATIENCE_MILLISECONDS)


def test_a_frame_of_another_address_is_refused(monitor: str, page: Page) -> None:
    page.goto(monitor)
    expect(page.get_by_role("button", name="Open in TensorBoard")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
    with page.expect_event("console", lambda said: "frame-src" in said.text):
        page.evaluate(
            """() => { const frame = document.createElement('iframe');
                       frame.src = 'http://192.0.2.1/'; document.body.append(frame); }"""
        )
