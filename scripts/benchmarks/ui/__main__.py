"""How fast the dashboard answers, with months of runs in its store: in Chromium, in the server, for many at once.

Usage: scripts/bench ui [--runs 1000] [--live 3] [--clicks 20] [--sessions 50] [--only VIEW ...] [--write-docs]
"""

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.util import calc_hash

from app.navigation import MENU
from config.settings import Settings
from scripts.benchmarks.curves import CHROMIUM, FLAGS
from scripts.benchmarks.ui.clicking import Answer, Hand, address_of, click_around, settle, walk
from scripts.benchmarks.ui.material import Material, make
from scripts.benchmarks.ui.report import Found, Parts, ViewCost, into_docs, told, verdicts
from scripts.benchmarks.ui.serving import ROOT, free_port, program, wait_for
from scripts.benchmarks.ui.sessions import crowd, timers

NUM_STARTS, NUM_WALKS = 3, 6
VIEWPORT = {"width": 1400, "height": 900}
Server = tuple[int, "Popen[bytes]", float]


class Bench:
    """A workspace, a browser, and the server that is measured."""

    def __init__(self, folder: Path, asked: argparse.Namespace, stack: ExitStack) -> None:
        self.asked, self.folder, self.stack = asked, folder, stack
        self.times = folder / "times.jsonl"
        workspace = folder / "workspace"
        self.environment = {
            "PEFT_STUDIO_WORKSPACE": str(workspace),
            "PEFT_STUDIO_SPARE": "false",  # another program, which would take part in the race for two cores
            "PEFT_STUDIO_STANDBY": "false",
            "PEFT_STUDIO_FLAGS__DEVELOPER": "true",  # its page is measured, too
            "PEFT_STUDIO_CPU_SLOTS": str(max(1, asked.live)),
        }
        self.material: Material = make(Settings(workspace=workspace), asked.runs, asked.live, asked.rows)
        for run_dir in self.material.folders:
            words = ["-m", "scripts.benchmarks.ui.live_run", str(run_dir)]
            stack.enter_context(program(words, folder / "live.log", self.environment))
        playwright = stack.enter_context(sync_playwright())
        self.browser: Browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=FLAGS)
        stack.callback(self.browser.close)

    def serve(self, stack: ExitStack) -> Server:
        """Start the server: port, process, and when it was started."""
        port, log, began = free_port(), self.folder / "server.log", time.time()
        words = ["-m", "scripts.benchmarks.ui.measured_server", str(self.times), "--server.port", str(port)]
        process = stack.enter_context(program(words, log, self.environment))
        wait_for(port, process, log)
        return port, process, began

    def start(self) -> tuple[float, float]:
        """Seconds from the start of the server to the first paint, and to the heading, in a browser without a cache."""
        with ExitStack() as stack:
            port, _, began = self.serve(stack)
            context = self.browser.new_context(viewport=VIEWPORT)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.locator("h1").first.wait_for()
            heading = time.time() - began
            painted = page.evaluate(
                "performance.timeOrigin + performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            context.close()
        return painted / 1000 - began, heading

    def scripts(self, since: int = 0) -> list[dict[str, float | str | bool]]:
        """What the server measured after so many lines."""
        lines = self.times.read_text(encoding="utf-8").splitlines() if self.times.exists() else []
        return [json.loads(line) for line in lines[since:]]

    def query(self, url_path: str) -> str:
        """What a view is opened with: a live run, the large dataset."""
        if url_path in ("monitor", "curves", "compare"):
            runs = self.material.live
            return (
                f"run={runs[0]}"
                if url_path == "monitor"
                else "&".join(f"runs=run:{run}" if url_path == "curves" else f"runs={run}" for run in runs)
            )
        return f"dataset={self.material.dataset}" if url_path in ("datasets", "train") else ""


def main() -> int:
    """Measure, print, and say whether the limits are kept."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), asked, stack)
        starts = [bench.start() for _ in range(NUM_STARTS)]
        print("starts", starts, flush=True)
        port, process, _ = bench.serve(stack)
        views = _views(bench, port)
        memory = psutil.Process(process.pid).memory_info().rss
        before = len(bench.scripts())
        queries = [f"run={bench.material.live[i % len(bench.material.live)]}" for i in range(asked.sessions)]
        many = crowd(port, "monitor", queries, asked.seconds)
        crowd_scripts = [float(one["seconds"]) for one in bench.scripts(before)]
        paints, headings = zip(*starts, strict=True)
        found = Found(views, paints, headings, memory, many, crowd_scripts, fragments())
    text = told(found, _head(asked))
    print(text)
    if asked.write_docs:
        into_docs(text)
    return 0 if all(one.is_met for one in verdicts(found)) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench ui", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="in the store, the live ones among them")
    parser.add_argument("--live", type=int, default=3, help="runs that something is written of all the time")
    parser.add_argument("--rows", type=int, default=10_000, help="of the dataset that is open")
    parser.add_argument("--clicks", type=int, default=20, help="on the controls of each view")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="that the sessions stay")
    parser.add_argument("--only", nargs="*", default=[], help="addresses of views")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args()
    if not 1 <= asked.live < asked.runs:
        parser.error("--live: at least one run is live, which the sessions watch, and fewer than --runs")
    return asked


def _views(bench: Bench, port: int) -> dict[str, ViewCost]:
    """Each view of the menu: once to warm up, then walked to, clicked around in, and its timers counted."""
    shown = {
        view.url_path: ViewCost(view.title)
        for view in MENU
        if not bench.asked.only or view.url_path in bench.asked.only
    }
    hand = Hand.on(bench.browser.new_page(viewport=VIEWPORT))  # type: ignore[arg-type]
    page = hand.page
    address = f"http://127.0.0.1:{port}"
    page.goto(address)
    settle(page)
    for name, answer in walk(hand, _other_first(list(shown))).items():
        shown[name].first = answer.whole
    _open_dataset(page, bench, address)
    for _ in range(NUM_WALKS):
        before = len(bench.scripts())
        walked = walk(hand, _other_first(list(shown)))
        for name, answer in walked.items():
            shown[name].walks.append(answer.whole)
            _note_parts(bench, shown[name], [answer], before)
        _note_scripts(bench, shown, before)
    for name, cost in shown.items():
        page.goto(f"{address}/{address_of(name)}?{bench.query(name)}")
        settle(page, 1.0)
        before = len(bench.scripts())
        answers = click_around(hand, bench.asked.clicks)
        cost.clicks = [answer.whole for answer in answers]
        _note_parts(bench, cost, answers, before)
        _note_scripts(bench, shown, before)
        cost.timers = timers(port, name, bench.query(name))
        print(
            name, "first", cost.first, "walks", cost.walks, "clicks", cost.clicks, "scripts", cost.scripts, flush=True
        )
    page.close()
    return shown


def _other_first(names: list[str]) -> list[str]:
    """A click on the view that is open already asks for little: the last one comes first."""
    return [names[-1], *names[:-1]] if len(names) > 1 else names


def _open_dataset(page: Page, bench: Bench, address: str) -> None:
    """Have the large dataset in the draft: the form is then drawn with its rows."""
    page.goto(f"{address}/train")
    settle(page)
    box = page.get_by_role("combobox", name="Dataset", exact=True)
    if box.count():
        box.fill(str(bench.material.dataset))
        box.press("Enter")
    settle(page, 1.0)


def _note_scripts(bench: Bench, views: dict[str, ViewCost], since: int) -> None:
    by_hash = {calc_hash(name): cost for name, cost in views.items()}
    for one in bench.scripts(since):
        cost = by_hash.get(str(one["page"]))
        if cost is not None:
            cost.scripts.append(float(one["seconds"]))
            cost.cpu.append(float(one["cpu"]))


def _note_parts(bench: Bench, cost: ViewCost, answers: list[Answer], since: int) -> None:
    """The first changes, and the parts of each click: the scripts that began between it and its end are its own."""
    cost.firsts += [answer.first for answer in answers if answer.first is not None]
    scripts = [(float(one["at"]), float(one["seconds"])) for one in bench.scripts(since)]
    for answer in answers:
        end = answer.clicked + answer.whole
        own = [(at, seconds) for at, seconds in scripts if answer.clicked <= at < end]
        if own:
            script = sum(seconds for _, seconds in own)
            back = end - max(at + seconds for at, seconds in own)
            cost.parts.append(Parts(own[0][0] - answer.clicked, script, max(0.0, back), answer.busy))


def fragments() -> int:
    """How often the app's source makes fragments, whatever they draw."""
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py"))
    return sum(text.count("st.fragment(") for text in texts)


def _head(asked: argparse.Namespace) -> str:
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores: {asked.runs:,} runs in the store, {asked.live} of them "
        f"live, a dataset of {asked.rows:,} rows in the form. Load {os.getloadavg()[0]:.1f} at the end."
    )


if __name__ == "__main__":
    sys.exit(main())
