"""What a screen reader is told of the pages with curves: every control has a name, every chart a value."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.containers import build_container
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.store.run_files import LocalRunFiles
from config.settings import Settings
from tests.browser.conftest import server, settle
from tests.fakes import event_bytes
from tests.fakes.runs import a_run

pytestmark = pytest.mark.browser
CONTROLS = frozenset(
    {"button", "checkbox", "combobox", "img", "link", "radio", "searchbox", "slider", "spinbutton", "switch", "textbox"}
)
PAGES = ("curves", "compare?runs=run-0&runs=run-1", "monitor?run=run-0", "runs")


@pytest.fixture
def address(workspace: Path, free_port: int) -> Iterator[str]:
    container = build_container(Settings(workspace=workspace))
    for i in range(2):
        folder = RunDirectory(container.settings().runs_folder / f"run-{i}")
        LocalRunFiles().create(folder.root, f"base_model: demo\ndataset: sample:demo.jsonl\ntraining: {{seed: {i}}}\n")
        facts = {"state": RunState.FINISHED, "wish": Wish.STOP, "name": f"Trial {i}", "run_dir": folder.root}
        container.store().create(a_run(f"run-{i}", **facts))
        records = [event_bytes.scalar(s, 1 / s, tag) for s in range(1, 9) for tag in ("train/loss", "eval/loss")]
        event_bytes.write(folder.tensorboard, "1.x", [event_bytes.version(), *records])
    container.shutdown_resources()
    with server(workspace, free_port):
        yield f"http://127.0.0.1:{free_port}"


def controls(page: Page) -> list[tuple[str, str]]:
    """Role and name of every control in the accessibility tree, shadow roots included."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    told = ((node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"])
    return [(role, name.strip()) for role, name in told if role in CONTROLS]


def test_every_control_has_a_name_and_headings_and_charts_tell_what_they_are(address: str, page: Page) -> None:
    for path in PAGES:
        page.goto(f"{address}/{path}")
        settle(page)
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        found = controls(page)
        assert len(found) > 8, (path, found)
        assert [role for role, name in found if not name] == [], path
    page.goto(f"{address}/curves")
    expect(page.locator(".chart canvas").first).to_be_visible()
    expect(page.get_by_role("heading", name="train/loss", level=3)).to_be_visible()
    expect(page.get_by_role("heading", name="Loss", exact=True, level=2)).to_be_visible()
    sliders = page.locator(".plot[role=slider]")
    assert sliders.count() == 2
    for place in range(sliders.count()):
        assert sliders.nth(place).get_attribute("aria-valuenow") is not None
        expect(sliders.nth(place)).to_have_attribute(
            "aria-valuetext", re.compile(r"newest: Trial \d 0\.1250; Trial \d 0\.1250")
        )
