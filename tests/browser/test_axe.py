"""What axe-core finds on every view, in both themes, with nothing to show and with everything."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from app.navigation import MENU
from tests.browser.conftest import path_of, served, settle
from tests.fakes.full_studio import Content, full_studio

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
LASTS_SECONDS, LEAST_LOOKS = 30.0, 4  # only what is found is looked at so long
SERIOUS = ("serious", "critical")
DARK = "rgb(15, 20, 31)"
# Inside Streamlit, and nothing of ours can change it: in the dark the chosen entry and the value of a slider are words
# in primaryColor. To be read (4.5:1) it would have to be so light that Streamlit's white words on primary buttons, of
# which each page has one, could not be read: the contrasts of the two are at most 4.3 and 4.5 for any colour.
STREAMLITS_OWN = ("button[data-variant=segmented_control][data-selected] p", "[data-testid=stSliderThumbValue] p")
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("empty") / "workspace") as address:
        yield address


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    with full_studio(tmp_path_factory.mktemp("full") / "workspace") as found:
        yield found


@pytest.fixture(scope="module")
def full(content: Content) -> Iterator[str]:
    with served(content.workspace) as address:
        yield address


def violations(page: Page, rules: dict[str, Any] | None = None, leave_out: Sequence[str] = ()) -> list[str]:
    """Serious and critical ones: rule, node and what axe says to it."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False} | (rules or {})
    context = {"include": ["html"], "exclude": list(leave_out)}
    found = page.evaluate("([context, options]) => axe.run(context, options)", [context, options])["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def look(page: Page, address: str) -> list[str]:
    """What is wrong on a page in light and in dark; only colours can differ between the two."""
    page.emulate_media(color_scheme="light")
    page.goto(address)
    settle(page)
    page.wait_for_load_state("networkidle")  # charts fetch what draws them when they are first needed
    page.evaluate(AXE_SCRIPT)
    found = [f"light: {one}" for one in lasting(page)]
    page.emulate_media(color_scheme="dark")
    expect(page.locator("[data-testid=stApp]")).to_have_css("background-color", DARK)
    settle(page)
    return found + [f"dark: {one}" for one in lasting(page, COLOURS, STREAMLITS_OWN)]


def lasting(page: Page, rules: dict[str, Any] | None = None, leave_out: Sequence[str] = ()) -> list[str]:
    """What is wrong and stays so: a page that changes its theme or its section is neither the old nor the new one."""
    until, num_looks = time.monotonic() + LASTS_SECONDS, 0
    while (found := violations(page, rules, leave_out)) and (num_looks < LEAST_LOOKS or time.monotonic() < until):
        num_looks += 1
        settle(page)
        page.wait_for_timeout(200)
    return found


def sections(page: Page) -> Iterator[str]:
    """Opens one section of a view after the other, except the first; in the dark, where less can be read."""
    entries = page.get_by_test_id("stButtonGroup").first.locator("button[data-variant=segmented_control]")
    for place in range(1, entries.count()):
        entries.nth(place).click()
        expect(entries.nth(place)).to_have_attribute("data-selected", "true")
        settle(page)
        yield entries.nth(place).inner_text()


def test_no_view_of_a_new_studio_has_a_serious_violation(empty: str, page: Page) -> None:
    found = [f"{view.url_path}, {one}" for view in MENU for one in look(page, f"{empty}/{path_of(view.url_path)}")]
    assert found == [], "\n".join(found)


def test_no_view_with_something_to_show_has_a_serious_violation(full: str, content: Content, page: Page) -> None:
    found = []
    for view in MENU:
        address = f"{full}/{path_of(view.url_path)}?{content.query(view.url_path)}"
        found += [f"{view.url_path}, {one}" for one in look(page, address)]
        for name in sections(page):
            found += [f"{view.url_path}, {name}: {one}" for one in lasting(page, leave_out=STREAMLITS_OWN)]
    assert found == [], "\n".join(found)
