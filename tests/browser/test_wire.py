"""That the tests really hear what a page asks and what it is told: without it they would wait for less than they say."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settle
from tests.browser.wire import listen

pytestmark = pytest.mark.browser


def test_a_page_is_owed_an_answer_from_its_click_to_the_end_of_the_script(address: str, page: Page) -> None:
    wire = listen(page)
    owed: list[bool] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: owed.append(wire.is_owed)))
    page.goto(f"{address}/train")
    settle(page)
    first = wire.num_asked
    assert first > 0
    page.get_by_role("combobox", name="Preset").fill("demo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start the demo run")).to_be_enabled()
    settle(page)
    assert wire.num_asked > first
    assert any(owed), "while it was asked"
    assert not wire.is_owed, "and no more"
