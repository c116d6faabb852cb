#!/usr/bin/env python
"""What drawing curves costs a browser: our board beside Streamlit's own charts, in headless Chromium.

Usage: scripts/bench curves [--points 10000] [--runs 10] [--rounds 3] [--only ENGINE ...] [--write-docs]
"""

import argparse
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from socket import socket

from playwright.sync_api import Browser, sync_playwright

from scripts.benchmarks.drawing.measuring import Meter, hovered, zoomed

HERE = Path(__file__).parent / "drawing"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- scripts/bench curves: begin -->", "<!-- scripts/bench curves: end -->"
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
ENGINES = {
    "nothing": ("a rerun without a chart", ""),
    "board": ("**our board**", ".board .plot"),
    "echarts-1000": ("`st.echarts_chart`, 1,000 points a run", "[data-testid=stEChartsChart], .stEChartsChart, canvas"),
    "echarts": ("`st.echarts_chart`, all points", "[data-testid=stEChartsChart], .stEChartsChart, canvas"),
    "plotly": ("`st.plotly_chart`", ".stPlotlyChart"),
    "altair": ("`st.altair_chart`", "[data-testid=stVegaLiteChart]"),
    "line": ("`st.line_chart`", "[data-testid=stVegaLiteChart]"),
}
NUM_ADDED = 10  # points of each run per refresh
TARGET_UPDATE_SECONDS, TARGET_REFRESH_BYTES = 0.1, 20_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one engine in one round; seconds of the main thread, bytes by WebSocket."""

    first: float
    update: float
    hover: float | None
    zoom: float | None
    heap_bytes: int
    first_bytes: int
    refresh_bytes: int


def main() -> int:
    """Measure, print, and say whether the targets are met."""
    asked = _arguments()
    names = [name for name in ENGINES if not asked.only or name in asked.only]
    if find_spec("plotly") is None and "plotly" in names:
        names.remove("plotly")
        print("plotly is not installed: left out")
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_runs(Path(folder) / "logs", asked.runs, range(asked.points))
        for number in range(asked.rounds):
            for name in names if number % 2 == 0 else reversed(names):
                logs = Path(folder) / f"logs-{number}-{name}"
                shutil.copytree(Path(folder) / "logs", logs)
                with served(Path(folder), logs, asked.runs) as address:
                    browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=FLAGS)
                    cost = measured(browser, f"{address}/?engine={name}", name, logs, asked)
                    browser.close()
                costs[name].append(cost)
                print(name, cost, flush=True)
    table = report(costs, asked)
    print(table)
    if asked.write_docs:
        into_docs(table)
    return _verdict(costs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench curves", description=__doc__)
    parser.add_argument("--points", type=int, default=10_000, help="of each run")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(ENGINES), help="the engines to measure")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def write_runs(logs: Path, num_runs: int, steps: range) -> None:
    """Event files by TensorBoard's writer, one per run and call; loss-like values with noise."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for number in range(num_runs):
        chance = random.Random(number * 1_000_003 + steps.start)  # noqa: S311 - sample data
        writer = EventFileWriter(str(logs / f"run-{number:02d}"), filename_suffix=f".{steps.start}")
        for step in steps:
            value = 2.5 * math.exp(-step / 3_000) + 0.4 + 0.02 * number + chance.gauss(0, 0.05)
            summary = Summary(value=[Summary.Value(tag="train/loss", simple_value=value)])
            writer.add_event(Event(wall_time=1e9 + step, step=step, summary=summary))
        writer.close()


@contextmanager
def served(folder: Path, logs: Path, num_runs: int) -> Iterator[str]:
    """The measured page on a free port."""
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"STUDIO_BENCH_LOGS": str(logs), "STUDIO_BENCH_RUNS": str(num_runs)}
    told |= {"PEFT_STUDIO_WORKSPACE": str(folder / "workspace"), "PEFT_STUDIO_SPARE": "false"}
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    options += ["--runner.postScriptGC", "false", "--server.fileWatcherType", "none"]
    command = [sys.executable, "-m", "streamlit", "run", "server.py", *options, "--browser.gatherUsageStats", "false"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=HERE, env=os.environ | told, stdout=log, stderr=log)
    try:
        while not _answers(port):
            assert process.poll() is None, (folder / "server.log").read_text(encoding="utf-8")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/health")
        return connection.getresponse().status == 200  # noqa: PLR2004
    except OSError:
        return False
    finally:
        connection.close()


def measured(browser: Browser, address: str, name: str, logs: Path, asked: argparse.Namespace) -> Cost:
    """One page from the click that draws to the drag that zooms."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(120_000)
    page.goto(address)
    draw = page.get_by_role("button", name="Draw")
    draw.wait_for()
    meter = Meter.of(page)
    selector, began = ENGINES[name][1], meter.settle()
    draw.click()
    if selector:
        page.locator(selector).first.wait_for()
    drawn, first_bytes = meter.settle(), meter.num_bytes
    write_runs(logs, asked.runs, range(asked.points, asked.points + NUM_ADDED))
    if name != "board":  # which is told of new points; the others have to be drawn again
        draw.click()
    updated, refresh_bytes = meter.settle(), meter.num_bytes - first_bytes
    while name == "board" and (later := meter.settle()) - updated > 0.005:  # noqa: PLR2004
        updated, refresh_bytes = later, meter.num_bytes - first_bytes
    hover = hovered(meter, selector) if selector else None
    zoom = zoomed(meter, selector) if name not in ("nothing", "line") else None
    cost = Cost(drawn - began, updated - drawn, hover, zoom, meter.heap_bytes(), first_bytes, refresh_bytes)
    page.close()
    return cost


def report(costs: dict[str, list[Cost]], asked: argparse.Namespace) -> str:
    """A table of medians."""
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, {asked.runs} runs of {asked.points:,} points in one chart, {NUM_ADDED} new "
        f"points of each run per refresh; medians of {asked.rounds} rounds. Milliseconds are processor time of the "
        f"page's main thread. Load {os.getloadavg()[0]:.1f} at the end."
    )
    lines = [
        "| drawn by | first, ms | refresh, ms | mouse move, ms | zoom, ms | heap, MB | first, kB | refresh, kB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in costs.items():
        cells = [
            ENGINES[name][0],
            _median([one.first * 1e3 for one in found]),
            _median([one.update * 1e3 for one in found]),
            _median([one.hover * 1e3 for one in found if one.hover is not None], 1),
            _median([one.zoom * 1e3 for one in found if one.zoom is not None]),
            _median([one.heap_bytes / 1e6 for one in found]),
            _median([one.first_bytes / 1e3 for one in found]),
            _median([one.refresh_bytes / 1e3 for one in found], 1),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return head + "\n\n" + "\n".join(lines)


def _median(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f}" if values else "-"


def into_docs(table: str) -> None:
    """Between the two marks."""
    text = DOCS.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    DOCS.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _verdict(costs: dict[str, list[Cost]]) -> int:
    ours = costs.get("board")
    if not ours:
        return 0
    update = statistics.median(one.update for one in ours)
    num_bytes = statistics.median(one.refresh_bytes for one in ours)
    is_met = update < TARGET_UPDATE_SECONDS and num_bytes < TARGET_REFRESH_BYTES
    print(f"refresh in {update * 1000:.0f} ms and {num_bytes / 1000:.1f} kB: {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
