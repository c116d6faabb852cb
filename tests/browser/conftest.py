"""A real server, a real Chromium, and rows to train on."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.navigation import MENU
from tests.browser.wire import listen, wait_for_answer
from tests.process.serving import a_free_port, end
from tests.untraced import untraced

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
SCRIPT_MILLISECONDS = 300_000  # Train waits for a forecast of memory, which begins with the imports of torch
STANDING = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"


@contextmanager
def server(
    folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """The dashboard as `streamlit run app/main.py` serves it; its log is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.port", str(port)]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env=untraced(os.environ | (environment or {}))
        )
        try:
            wait_until(lambda: process.poll() is not None or is_healthy(port))
            assert process.poll() is None, (folder / "server.log").read_text()
            yield process
        finally:
            end(process)


@contextmanager
def served(workspace: Path) -> Iterator[str]:
    """The address of a dashboard over a workspace, also for fixtures of a module, which no monkeypatch reaches."""
    port = a_free_port()
    own = {"WORKSPACE": str(workspace), "SPARE": "false", "STANDBY": "false", "HUB_OFFLINE": "true"}
    with server(workspace, port, {f"PEFT_STUDIO_{name}": value for name, value in own.items()}):
        yield f"http://127.0.0.1:{port}"


def path_of(url_path: str) -> str:
    """The address of a view: Streamlit knows the first one of the menu as the root."""
    return "" if url_path == MENU[0].url_path else url_path


def is_healthy(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def wait_until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.1)


def settle(page: Page) -> None:
    """Wait until the page has been drawn to its end: all was answered, no script is at work, and so for a moment."""
    wait_for_answer(page)
    expect(page.locator("[data-testid=stElementContainer]").first).to_be_attached()
    for _ in range(2):
        expect(page.locator(STANDING)).to_be_attached(timeout=SCRIPT_MILLISECONDS)
        page.wait_for_timeout(100)
    expect(page.locator(STANDING)).to_be_attached(timeout=SCRIPT_MILLISECONDS)


def set_number(page: Page, name: str, value: str, shown: str | None = None) -> None:
    """Type into a number field as a person does: when the page stands still, and look that it was taken."""
    settle(page)
    box = page.get_by_role("spinbutton", name=name, exact=True)
    box.fill(value)
    box.press("Enter")
    settle(page)
    expect(box).to_have_value(shown or value)


@pytest.fixture
def address(workspace: Path, free_port: int) -> Iterator[str]:
    with server(workspace, free_port):
        yield f"http://127.0.0.1:{free_port}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    page = context.new_page()
    listen(page)
    yield page
    context.close()


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = (json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) for i in range(30))
    path.write_text("\n".join(lines) + "\n")
    return path
