"""Words of strangers stay words: wherever they stand, no request leaves, nothing is drawn or run, all is read as it is."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page

from app.components.markdown_escape import REPLACEMENT
from app.navigation import MENU
from tests.browser.conftest import path_of, served, settle, wait_until
from tests.fakes.full_studio import Content, full_studio

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
BEGIN, END = "zqx", "qxz"
WORDS = (
    "![i]({trap}/i) <img src={trap}/h onerror=document.title=1> [l](javascript:document.title=1) {trap}/plain "
    "<script>document.title=1</script> :red[r] :material/home: $\\href{{{trap}/k}}{{x}}$ `c` **b** "
    "![d](data:image/svg+xml,<svg/onload=1>)\x07\u202e"
)
SECTIONS = "button[data-variant=segmented_control], [data-testid=stTab], [data-testid=stExpander] summary"
# All text of a page with the shadow trees in it, as somebody reads it, and the addresses of all images.
LOOK = """() => {
    const texts = [], images = []
    const walk = (node) => {
        if (node.nodeType === 3) texts.push(node.data)
        if (node.nodeName === "STYLE" || node.nodeName === "SCRIPT") return
        if (node.nodeName === "IMG" || node.nodeName === "IMAGE") images.push(node.src || node.getAttribute("href") || "")
        if (node.nodeName === "INPUT" || node.nodeName === "TEXTAREA") texts.push(" " + node.value + " ")
        if (node.shadowRoot) walk(node.shadowRoot)
        for (const child of node.childNodes) walk(child)
        if (/^(P|DIV|TD|TH|LI|PRE|SECTION|H[1-6]|ARTICLE|LABEL|BUTTON|OPTION)$/.test(node.nodeName)) texts.push("\\n")
    }
    walk(document.body)
    return { text: texts.join(""), images, title: document.title }
}"""


@dataclass
class Trap:
    """An address that no page may ask."""

    address: str
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Trap]:
    with socket.create_server(("127.0.0.1", 0)) as ear:
        trap = Trap(f"http://127.0.0.1:{ear.getsockname()[1]}")

        def hear() -> None:
            while True:
                try:
                    line, _ = ear.accept()
                except OSError:
                    return
                with line:
                    trap.heard.append(line.recv(1000))

        threading.Thread(target=hear, daemon=True).start()
        yield trap
        ear.shutdown(socket.SHUT_RDWR)


def read(page: Page) -> tuple[str, list[str]]:
    """The text of a page, and the addresses of its images."""
    found = page.evaluate(LOOK)
    assert found["title"].endswith("PEFT Studio")  # a script of a stranger would have changed it
    return str(found["text"]), list(found["images"])


def torn(text: str, shown: str) -> list[str]:
    """The places where the words do not stand as they were written; shortened ones are whole as far as they go.

    What cannot be printed may stand as it is (st.text) or be replaced (escape); rows and keys of settings stand as JSON, a
    run's order as YAML, which may put it in quotes.
    """
    text = re.sub(r"\x07|\u202e|\\u0007|\\u202e", REPLACEMENT, text.replace("\\\\", "\\"))
    found = re.findall(f"{BEGIN}(.*?)(?={END}|{BEGIN}|\n|$)", text)
    cut = (piece.rstrip("\u2026. '") for piece in found)
    return [piece for piece in cut if not f"{shown} ".startswith(piece.replace(END, ""))]


def open_sections(page: Page) -> Iterator[str]:
    """What the page says at first, then in each of its sections."""
    yield read(page)[0]
    for place in range(page.locator(SECTIONS).count()):
        section = page.locator(SECTIONS).nth(place)
        if section.is_visible():
            section.click()
            settle(page)
            yield read(page)[0]


SILENT = {"machine", "developer", "errors"}  # of the installation; the tree of the state is folded where words are


def test_no_words_of_a_stranger_reach_out_or_become_anything_but_words(tmp_path: Path, page: Page) -> None:
    workspace = tmp_path / "workspace"
    with listening() as trap, full_studio(workspace, words_with(trap)) as content, served(workspace) as address:
        asked, refused = watched(page)
        for view in MENU:
            look_around(page, address, view.url_path, content, trap)
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    assert [line for line in refused if "Content Security Policy" in line] == []
    assert trap.heard == []


def words_with(trap: Trap) -> str:
    return f"{BEGIN}{WORDS.format(trap=trap.address)}{END}"


def watched(page: Page) -> tuple[list[str], list[str]]:
    """Every address that the page asks from now on, and every line of its console."""
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: said.append(line.text))
    return asked, said


def look_around(page: Page, address: str, url_path: str, content: Content, trap: Trap) -> None:
    """Every section of a view."""
    shown = re.sub("[\x07\u202e]", REPLACEMENT, WORDS.format(trap=trap.address))
    page.goto(f"{address}/{path_of(url_path)}?{content.query(url_path)}")
    settle(page)
    texts: list[str] = []

    def is_told() -> bool:  # tables draw their cells after the script has ended
        texts[:] = open_sections(page)
        return url_path in SILENT or any(BEGIN in text for text in texts)

    wait_until(is_told, 300)
    assert [place for text in texts for place in torn(text, shown)] == [], url_path
    images = read(page)[1]
    assert [one for one in images if not one.startswith((address, "data:image/svg+xml", "blob:"))] == [], url_path
