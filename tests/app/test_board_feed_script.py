"""The browser's side of the feed, in node with a scripted socket: it comes again, but never in a hurry."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from app.board_assets import OWN

NODE = shutil.which("node")
SCRIPT = """
import { Feed } from "./feed.mjs"
const states = [], waits = [], sockets = [], errors = []
globalThis.document = { baseURI: "http://localhost:8000/" }
globalThis.setTimeout = (act, wait) => { waits.push(Math.round(wait)); act() }
globalThis.clearTimeout = () => {}
globalThis.WebSocket = class {
  static OPEN = 1
  constructor() { this.readyState = 1; sockets.push(this) }
  send() {}
  close() { this.isClosed = true }
}
const feed = new Feed({ onParts() {}, onNotes() {}, onState: (...state) => states.push(state) })
feed.showBoard({ charts: [] })
feed.showView({ visible: [] }, true)
const last = () => sockets[sockets.length - 1]
const told = (message) => { try { last().onmessage({ data: message }) } catch (error) { errors.push(String(error)) } }
const { default: play } = await import("./play.mjs")
play({ feed, last, told })
console.log(JSON.stringify({ states, waits, errors, num_sockets: sockets.length, is_closed: sockets.map((one) => !!one.isClosed) }))
"""


def played(folder: Path, play: str) -> dict[str, list[object]]:
    """What the page saw while the server did this."""
    assert NODE is not None
    for name in ("feed", "wire"):
        (folder / f"{name}.mjs").write_text((OWN / f"{name}.js").read_text().replace("./wire.js", "./wire.mjs"))
    (folder / "script.mjs").write_text(SCRIPT)
    (folder / "play.mjs").write_text(f"export default function ({{ feed, last, told }}) {{ {play} }}")
    done = subprocess.run([NODE, "script.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(NODE is None, reason="there is no node to run scripts with")
def test_a_server_that_fails_after_each_greeting_is_asked_less_and_less_often(tmp_path: Path) -> None:
    seen = played(tmp_path, "for (let i = 0; i < 6; i++) { last().onopen(); last().onclose({ code: 1011 }) }")
    assert seen["waits"] == sorted(seen["waits"], key=float)  # type: ignore[arg-type]
    assert float(str(seen["waits"][-1])) > 10 * 300 * 0.4
    assert seen["num_sockets"] == 7


@pytest.mark.skipif(NODE is None, reason="there is no node to run scripts with")
def test_an_answer_makes_the_next_attempt_a_quick_one(tmp_path: Path) -> None:
    play = "last().onopen(); last().onclose({ code: 1006 }); last().onopen();"
    play += "told(JSON.stringify({ question: feed.question, chart: 0, marks: [], problems: [] })); last().onclose({ code: 1006 })"
    assert played(tmp_path, play)["waits"] == [300, 300]


@pytest.mark.skipif(NODE is None, reason="there is no node to run scripts with")
def test_what_the_page_cannot_read_is_said_and_not_asked_for_again(tmp_path: Path) -> None:
    seen = played(tmp_path, "last().onopen(); told(new Uint8Array([9, 0, 0, 0, 0, 0, 0, 0]).buffer)")
    assert seen["errors"] == []
    assert seen["states"][-1] == [False, True]
    assert seen["is_closed"] == [True]
    assert seen["num_sockets"] == 1
