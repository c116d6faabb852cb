"""The Curves page in a real browser: open, filter, group, zoom by link, reload; a running curve moves by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from app.board_assets import board_script
from backend.containers import build_container
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.store.run_files import LocalRunFiles
from config.settings import Settings
from tests.browser.conftest import server, settle
from tests.fakes import event_bytes
from tests.fakes.runs import a_run

pytestmark = pytest.mark.browser
STEPS = range(1, 101)


@pytest.fixture
def runs(workspace: Path) -> list[Path]:
    """Two seeds of one experiment, and one with another learning rate; the event file of each."""
    container = build_container(Settings(workspace=workspace))
    files = []
    for i, (seed, rate) in enumerate([(1, 1e-4), (2, 1e-4), (1, 5e-4)]):
        folder = RunDirectory(container.settings().runs_folder / f"run-{i}")
        training = f"{{seed: {seed}, learning_rate: {rate:.1e}}}"
        text = f"base_model: demo\ndataset: sample:demo.jsonl\ntraining: {training}\n"
        LocalRunFiles().create(folder.root, text)
        facts = {"state": RunState.FINISHED, "wish": Wish.STOP, "name": f"Trial {i}", "run_dir": folder.root}
        container.store().create(a_run(f"run-{i}", **facts))
        records = [
            event_bytes.scalar(s, (i + 1) / s, tag)
            for s in STEPS
            for tag in ("train/loss", "eval/loss", "train/grad_norm")
        ]
        files.append(event_bytes.write(folder.tensorboard, "1.x", [event_bytes.version(), *records]))
    container.shutdown_resources()
    return files


@pytest.fixture
def address(workspace: Path, free_port: int, runs: list[Path]) -> Iterator[str]:
    with server(workspace, free_port):
        yield f"http://127.0.0.1:{free_port}"


def test_curves_are_opened_filtered_grouped_and_found_again_by_their_link(
    address: str, page: Page, runs: list[Path]
) -> None:
    page.goto(f"{address}/curves")
    settle(page)
    expect(page.get_by_text("3 tags in 3 charts")).to_be_visible()
    expect(page.locator(".chart canvas").first).to_be_visible()
    page.get_by_role("searchbox", name="Tags").fill("loss$")
    page.wait_for_url("**tags=loss*")
    expect(page.get_by_text("2 of 3 tags in 2 charts")).to_be_visible()
    page.get_by_role("button", name="Compare").click()
    box = page.get_by_role("combobox", name="Group runs by")
    box.click()
    page.get_by_role("option", name="everything but the seed").click()
    page.wait_for_url("**group=everything*")
    expect(page.get_by_text("learning_rate 0.0001 (2 runs)").first).to_be_visible()
    page.goto(f"{page.url}&zoom=20~40")
    settle(page)
    expect(page.get_by_text("learning_rate 0.0001 (2 runs)").first).to_be_visible()
    page.reload()
    settle(page)
    assert "zoom=20~40" in page.url
    assert "tags=loss" in page.url
    expect(page.get_by_text("2 of 3 tags in 2 charts")).to_be_visible()
    expect(page.get_by_role("searchbox", name="Tags")).to_have_value("loss$")
    expect(page.get_by_role("button", name="Show everything").first).to_be_enabled()  # there is a zoom to take back


def test_a_point_that_is_written_is_seen_without_a_click(address: str, page: Page, runs: list[Path]) -> None:
    page.goto(f"{address}/curves?runs=run:run-0&tags=train/loss")
    settle(page)
    chart = page.locator(".chart").first
    expect(chart).to_contain_text("100")
    event_bytes.append(runs[0], event_bytes.scalar(12345, 0.5))
    expect(chart).to_contain_text("12,345")


def test_monitor_leads_to_the_curves_of_its_run(address: str, page: Page) -> None:
    page.goto(f"{address}/monitor?run=run-1")
    settle(page)
    page.get_by_role("button", name="Open in Curves").click()
    page.wait_for_url("**/curves?runs=run*run-1*")
    expect(page.get_by_role("heading", name="Curves", exact=True)).to_be_visible()
    expect(page.locator(".chart canvas").first).to_be_visible()


def test_parts_of_a_whole_are_drawn_on_top_of_one_another(address: str, page: Page) -> None:
    page.goto(f"{address}/curves")
    settle(page)
    heights = page.evaluate(
        """async (path) => {
            const { stacked } = await import(new URL(path, document.baseURI).href)
            const line = (x, y, isHidden = false) => ({ isHidden, ghosts: [], points: { x, y, raw: null, low: null, high: null } })
            const lines = [line([1, 3], [10, 30]), line([1, 3], [5, 5], true), line([1, 2, 3, 4], [1, NaN, 3, 4]), line([2], [100])]
            return stacked(lines).map((found) => [...found.points.y].map(String))
        }""",
        board_script().replace("board.js", "stack.js"),
    )
    assert heights == [["10", "30"], ["5", "5"], ["11", "NaN", "33", "34"], ["120"]]
