"""What axe-core finds on every view, in both themes, with nothing to show and with everything."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from app.navigation import MENU
from tests.browser.conftest import path_of, served, settle
from tests.fakes.full_studio import Content, full_studio

pytestmark = pytest.mark.browser
SERIOUS = ("serious", "critical")
DARK = "rgb(15, 20, 31)"
# Inside Streamlit, and nothing of ours can change it: in the dark the chosen entry is primaryColor on a tenth of
# primaryColor. To be read there (4.5:1) it would have to be so light that Streamlit's white words on primary buttons,
# of which each page has one, could not be read: the contrasts of the two are at most 4.3 and 4.5 for any colour.
STREAMLITS_OWN = "button[data-variant=segmented_control][data-selected] p"


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


def violations(page: Page, rules: dict[str, Any] | None = None) -> list[str]:
    """Serious and critical ones: rule, node and what axe says to it."""
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False} | (rules or {})
    context = {"include": ["html"], "exclude": [STREAMLITS_OWN] if rules else []}
    found = page.evaluate("([context, options]) => axe.run(context, options)", [context, options])["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def look(page: Page, address: str) -> dict[str, list[str]]:
    """What is wrong on a page in light and in dark; only colours can differ between the two."""
    page.emulate_media(color_scheme="light")
    page.goto(address)
    settle(page)
    page.wait_for_load_state("networkidle")  # charts fetch what draws them when they are first needed
    page.evaluate(AXE_SCRIPT)
    light = violations(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("[data-testid=stApp]")).to_have_css("background-color", DARK)
    settle(page)
    dark = violations(page, {"runOnly": ["color-contrast", "link-in-text-block"]})
    return {"light": light, "dark": dark}


def test_no_view_of_a_new_studio_has_a_serious_violation(empty: str, page: Page) -> None:
    found = {view.url_path: look(page, f"{empty}/{path_of(view.url_path)}") for view in MENU}
    assert_none(found)


def test_no_view_with_something_to_show_has_a_serious_violation(full: str, content: Content, page: Page) -> None:
    found = {
        view.url_path: look(page, f"{full}/{path_of(view.url_path)}?{content.query(view.url_path)}") for view in MENU
    }
    assert_none(found)


def assert_none(found: dict[str, dict[str, list[str]]]) -> None:
    wrong = [
        f"{view}, {theme}: {one}" for view, themes in found.items() for theme, them in themes.items() for one in them
    ]
    assert wrong == [], "\n".join(wrong)
