"""The dashboard in a real browser: addresses, uploads, typed paths, reloads, no word to other hosts."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_SECONDS = 90.0
VIEWS = ("", "train", "monitor", "runs", "chat", "machine")

if not CHROMIUM.exists():
    pytest.skip("there is no Chromium on this machine", allow_module_level=True)


@pytest.fixture
def address(workspace: Path, free_port: int) -> Iterator[str]:
    """A real server on its own workspace; its log is beside it."""
    address = f"http://127.0.0.1:{free_port}"
    workspace.mkdir(parents=True)
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(free_port)]
    with (workspace / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=dict(os.environ))
        try:
            wait_until(lambda: server.poll() is not None or is_healthy(address))
            assert server.poll() is None, (workspace / "server.log").read_text()
            yield address
        finally:
            server.terminate()
            server.wait(30)


def is_healthy(address: str) -> bool:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    yield context.new_page()
    context.close()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = (json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) for i in range(30))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_view_has_an_address_and_nothing_is_asked_of_other_hosts(address: str, page: Page) -> None:
    refused: list[str] = []
    page.on("console", lambda line: refused.append(line.text) if "Content Security Policy" in line.text else None)
    for view in VIEWS:
        page.goto(f"{address}/{view}")
        expect(page.locator("h1, h2").first).to_be_visible()
        expect(page.locator("[data-testid=stApp]")).to_have_attribute("data-test-script-state", "notRunning")
        expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert refused == []


def test_the_demo_is_two_clicks_from_home(address: str, page: Page) -> None:
    page.goto(address)
    page.get_by_role("button", name="Try the demo").click()
    page.wait_for_url("**/train")
    expect(page.get_by_role("button", name="Start the demo run")).to_be_enabled()


def test_an_uploaded_file_and_a_turned_knob_survive_a_reload(address: str, page: Page, rows: Path) -> None:
    page.goto(f"{address}/train")
    page.locator("input[type=file]").set_input_files(str(rows))
    expect(page.get_by_text("30 rows")).to_be_visible()
    rank = page.get_by_role("spinbutton", name="Rank (r)")
    rank.fill("48")
    rank.press("Enter")
    rate = page.get_by_role("spinbutton", name="Learning rate")
    rate.fill("5e-6")
    rate.press("Enter")
    expect(rate).to_have_value("0.000005")
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
