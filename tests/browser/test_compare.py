"""Compare in a real browser: a link restores it, a brush picks runs out, hostile texts are only texts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.containers import build_container
from config.settings import Settings
from tests.browser.conftest import server, settle, wait_until
from tests.fakes.told_runs import add_run, answers, losses, seeds

pytestmark = pytest.mark.browser
HOSTILE = "<img src=http://192.0.2.1/a.png onerror=alert(1)> ![x](http://192.0.2.1/b.png)"
IDS = [f"{method}-{seed}" for method in ("lora", "dora") for seed in (1, 2, 3)]


@pytest.fixture
def runs(workspace: Path) -> None:
    """Three seeds of two methods, with event files, notes and sample answers, of which one means harm."""
    workspace.mkdir()
    studio = build_container(Settings(workspace=workspace))
    for last, method in ((0.5, "lora"), (1.5, "dora")):
        for config in seeds([1, 2, 3], method=method):
            seed = config["training"]["seed"]
            texts = answers({0: "I do not know.", 50: f"Halfway {seed}", 100: f"{HOSTILE} {method}"}, prompt=HOSTILE)
            name = HOSTILE if (method, seed) == ("dora", 3) else f"{method} seed {seed}"
            add_run(studio, f"{method}-{seed}", config, losses(last, seed=seed), texts, name=name, notes=HOSTILE)
    studio.store().close()


@pytest.fixture
def address(runs: None, workspace: Path, free_port: int) -> Iterator[str]:
    with server(workspace, free_port):
        yield f"http://127.0.0.1:{free_port}"


@pytest.fixture
def asked_elsewhere(page: Page, free_port: int) -> list[str]:
    """What the page asks of other hosts; an alert would be a failure too."""
    found: list[str] = []
    own = (f"http://127.0.0.1:{free_port}", f"ws://127.0.0.1:{free_port}", "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else found.append(request.url))
    page.on("dialog", lambda dialog: (found.append(dialog.message), dialog.dismiss()))
    return found


def go(page: Page, address: str, section: str) -> None:
    page.goto(f"{address}/compare?runs={','.join(IDS)}&section={section}")
    settle(page)


def test_everything_is_told_and_hostile_texts_are_only_texts(
    page: Page, address: str, asked_elsewhere: list[str]
) -> None:
    go(page, address, "Results")
    expect(page.get_by_text("lora (3 runs)", exact=False).first).to_be_visible()
    expect(page.get_by_text("higher, which is worse")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("eval.loss, .*95 % confidence interval"))).to_be_visible()
    for section in ("Settings", "Table", "Curves", "Samples", "Notes"):
        page.get_by_role("radio", name=section, exact=True).click(force=True)
        settle(page)
        expect(page.locator("[data-testid=stException], [data-testid=stAlertContentError]")).to_have_count(0)
        assert f"section={section}" in page.url
    expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert asked_elsewhere == []


def test_a_link_restores_the_page_and_so_do_back_and_forward(page: Page, address: str) -> None:
    go(page, address, "Samples")
    slider = page.get_by_role("slider", name="Step")
    slider.press("ArrowLeft")
    settle(page)
    expect(page.get_by_text("Halfway 1").first).to_be_visible()
    assert "step=50" in page.url
    page.reload()
    settle(page)
    expect(page.get_by_text("Halfway 1").first).to_be_visible()
    chosen = page.locator("[data-testid=stMultiSelect]").first
    expect(chosen.get_by_text("lora seed 1")).to_be_visible()
    page.goto(f"{address}/compare?runs=lora-1,gone")
    settle(page)
    expect(page.get_by_text("There is no run with the id gone")).to_be_visible()
    page.go_back()
    settle(page)
    expect(page.get_by_role("slider", name="Step")).to_be_visible()


def num_bytes(chart: Locator, folder: Path) -> int:
    """How many bytes a picture of the chart needs: faded lines need fewer."""
    return len(chart.screenshot(path=str(folder / "chart.png")))


def test_a_drag_along_an_axis_fades_the_other_runs(page: Page, address: str, tmp_path: Path) -> None:
    go(page, address, "Table")
    chart = page.locator("[data-testid=stEChartsChart]").first
    expect(chart).to_have_attribute("aria-busy", "false")
    before = num_bytes(chart, tmp_path)
    while (drawn := num_bytes(chart, tmp_path)) != before:  # until it has been drawn to its end
        before = drawn
    box = chart.bounding_box()
    assert box is not None
    x = box["x"] + 60  # the first axis: the method, of which each has a half
    page.mouse.move(x, box["y"] + 70)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 120, steps=5)
    page.mouse.move(x, box["y"] + 190, steps=5)
    page.mouse.up()
    wait_until(lambda: num_bytes(chart, tmp_path) < before * 0.95)
    expect(page.get_by_role("button", name="Open in Curves")).to_have_count(0)


def test_a_preset_made_here_fills_the_form_of_train(page: Page, address: str, workspace: Path) -> None:
    go(page, address, "Notes")
    page.get_by_role("button", name="Make a preset").nth(3).click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_role("textbox", name="Name")
    name.fill("my-dora")
    name.press("Enter")
    settle(page)
    dialog.get_by_text("The dataset", exact=True).click()
    settle(page)
    expect(dialog.locator("[data-testid=stCode]")).not_to_contain_text("sample:demo.jsonl")
    dialog.get_by_role("button", name="Save").click()
    settle(page)
    expect(page.get_by_text("The preset my-dora was made")).to_be_visible()
    assert "name: dora" in (workspace / "presets" / "my-dora.yaml").read_text()
    page.get_by_role("button", name="Run again with these settings").first.click()
    page.wait_for_url("**/train?from=*")
    settle(page)
    expect(page.get_by_role("combobox", name="Base model")).to_have_value(re.compile("demo", re.IGNORECASE))
    page.get_by_role("combobox", name="Preset").fill("my-dora")
    page.get_by_role("option", name="my-dora").click()
    settle(page)
    expect(page.get_by_role("combobox", name="Preset")).to_have_value("my-dora")
