"""The main path without a mouse: from the menu to Train, a preset, and a started run; one always sees where one is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import served, settle
from tests.fakes.full_studio import full_studio

pytestmark = pytest.mark.browser
MOST_TABS = 500  # Train shows all methods with all settings before its start button
PAINTED = ("BODY", "MAIN", "CANVAS")  # the page itself, to be scrolled, and tables, which paint a frame around a cell
NAMED = """() => {
    const node = document.activeElement
    const name = node.getAttribute("aria-label") || node.labels?.[0]?.innerText || node.innerText || ""
    return { name: name.trim().slice(0, 200), tag: node.tagName }
}"""
# Whether the focus shows: by an outline, a shadow, a border or a ground, of the control itself or close around it.
IS_SEEN = """async () => {
    const node = document.activeElement, places = [node]
    while (places.length < 6 && places.at(-1).parentElement) places.push(places.at(-1).parentElement)
    const looks = (one) => {
        const style = getComputedStyle(one)
        return [style.outlineStyle, style.outlineWidth, style.boxShadow, style.borderColor, style.backgroundColor].join()
    }
    const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
    await drawn()
    const before = places.map(looks)
    node.blur()
    await drawn()
    const after = places.map(looks)
    node.focus({ preventScroll: true, focusVisible: true })
    await drawn()
    return before.some((look, i) => look !== after[i])
}"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """With a run in the only place for runs: the one that is started here waits, and no trainer is needed."""
    with full_studio(tmp_path / "workspace"), served(tmp_path / "workspace") as found:
        yield found


def tab_to(page: Page, words: str, tag: str, looks: bool = True) -> None:
    """Press Tab until what has the focus is called so; it is to be seen there, and with `looks` at each stop before."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        focus = page.evaluate(NAMED)
        is_there = words in focus["name"] and focus["tag"] == tag
        if is_there or looks:
            assert page.evaluate(IS_SEEN) or focus["tag"] in PAINTED, focus
        if is_there:
            return
    raise AssertionError(f"{words} is not reached by Tab")


def test_a_run_is_started_by_the_keyboard_alone_and_the_focus_is_always_seen(address: str, page: Page) -> None:
    page.goto(address)
    page.add_style_tag(content="* { transition: none !important }")  # what shows is asked for in the same moment
    settle(page)
    tab_to(page, "Train", "A")
    page.keyboard.press("Enter")
    page.wait_for_url("**/train*")  # its draft is named there as soon as there is one
    expect(page.get_by_role("button", name="Start the run")).to_be_visible()
    settle(page)
    tab_to(page, "Preset", "INPUT")
    page.keyboard.type("demo")
    page.keyboard.press("Enter")
    start = page.get_by_role("button", name="Start the demo run")
    expect(start).to_be_enabled()
    settle(page)
    tab_to(page, "Start the demo run", "BUTTON", looks=False)
    page.keyboard.press("Enter")
    page.wait_for_url("**/monitor?run=*demo*")
    expect(page.get_by_role("heading", name="demo", level=1)).to_be_visible()
