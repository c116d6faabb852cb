#!/usr/bin/env python
"""How long a click on Runs takes with many runs in the store, beside a click on an empty page.

Seeds runs through the real store and folders into a temporary workspace, then measures whole script runs with
Streamlit's AppTest, callbacks and serialisation included, network and browser excluded.
Usage: scripts/bench clicks [NUM_RUNS] [NUM_CLICKS]
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from app.runtime import use_container
from backend.containers import build_container
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from config.settings import Settings

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"
EMPTY = "import streamlit as st\nst.title('Empty')\nst.button('Click', key='click')\n"
STATES = (RunState.FINISHED, RunState.STOPPED, RunState.FAILED)
TOTAL_STEPS = 200
KEY = "training.batch_size"
ORDER = "base_model: demo\ndataset: sample:demo.jsonl\ntraining: {{batch_size: {batch_size}}}\n"


def main(num_runs: int, num_clicks: int) -> None:
    """Print p50 and p95 of both pages and the ratio of the medians."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(workspace=Path(folder))
        container = build_container(settings)
        use_container(container)
        began = time.perf_counter()
        seed(container.store(), settings.runs_folder, num_runs)
        print(f"seeded {num_runs:,} runs in {time.perf_counter() - began:.1f} s")
        empty = AppTest.from_string(EMPTY, default_timeout=60).run()
        baseline = report("empty page, click", measured(num_clicks, lambda _: empty.button(key="click").click().run()))
        runs = AppTest.from_file(str(MAIN), default_timeout=60)
        runs._page_hash = calc_hash("runs")  # noqa: SLF001 - AppTest.switch_page knows pages of files only
        runs.run()
        assert not runs.exception, runs.exception
        words = ("all", "failed", "finished", "stopped")
        filtered = report("Runs, filter by state", measured(num_clicks, lambda i: filter_by(runs, words[i % 4])))
        plain = report("Runs, rerun of the whole table", measured(num_clicks, lambda _: filter_by(runs, "all")))
        searched = report("Runs, search", measured(num_clicks, lambda i: search(runs, f"run {i}")))
        settings_known(container.services())
        columns = ([KEY], [KEY, "state"])
        chosen = report("Runs, column of a setting", measured(num_clicks, lambda i: choose(runs, columns[i % 2])))
        figures = (("filter", filtered), ("rerun", plain), ("search", searched), ("column", chosen))
        for name, median in figures:
            print(f"ratio to the empty page, {name}: {median / baseline:.1f}")
        use_container(None)
        container.shutdown_resources()


def filter_by(page: AppTest, state: str) -> object:
    """Choose a state."""
    return page.radio(key="status").set_value(state).run()


def search(page: AppTest, text: str) -> object:
    """Type a text."""
    return page.text_input(key="search").set_value(text).run()


def choose(page: AppTest, columns: list[str]) -> object:
    """Show other columns."""
    return page.multiselect(key="columns").set_value(columns).run()


def settings_known(services: Services) -> None:
    """Have the settings of all runs read, which is done once, in the background."""
    began = time.perf_counter()
    while services.facts.known(services.status.list()).num_left:
        services.facts.wait(1)
    print(f"settings of all runs read in {time.perf_counter() - began:.1f} s, in the background")


def measured(num_clicks: int, click: Callable[[int], object]) -> list[float]:
    """Seconds of each click, after three that warm up."""
    seconds = []
    for i in range(num_clicks + 3):
        began = time.perf_counter()
        click(i)
        seconds.append(time.perf_counter() - began)
    return seconds[3:]


def report(name: str, seconds: list[float]) -> float:
    """Print a line; the median."""
    median, p95 = statistics.median(seconds), statistics.quantiles(seconds, n=20)[-1]
    print(f"{name:32} p50 {median * 1000:7.1f} ms   p95 {p95 * 1000:7.1f} ms   n={len(seconds)}")
    return median


def seed(store: RunStore, folder: Path, num_runs: int) -> None:
    """Ended runs with a heartbeat each, as after months of use."""
    chance = random.Random(0)  # noqa: S311 - sample data
    now = datetime.now(UTC)
    for i in range(num_runs):
        at = now - timedelta(minutes=11 * i)
        run_id = f"{at:%Y%m%d-%H%M%S}-run-{i:04x}"
        step, state = chance.randrange(TOTAL_STEPS), chance.choice(STATES)
        run = Run(
            id=run_id,
            name=f"run {i}",
            run_dir=folder / run_id,
            state=state,
            wish=Wish.STOP,
            created_at=at,
            updated_at=at,
            message=f"Ended at step {step} of {TOTAL_STEPS}.",
            method=chance.choice(("lora", "qlora", "dora", "pissa", "rslora")),
            base_model="demo",
            dataset="sample:demo.jsonl",
            tags=tuple(chance.sample(("keep", "paper", "sweep"), chance.randrange(3))),
        )
        run.run_dir.mkdir(parents=True)
        beat = Heartbeat("t", 1, 1, Phase.TRAINING, step, TOTAL_STEPS, at.timestamp())
        (run.run_dir / "heartbeat").write_text(beat.to_json(), encoding="utf-8")
        (run.run_dir / "run.yaml").write_text(ORDER.format(batch_size=2 ** chance.randrange(5)), encoding="utf-8")
        store.restore(run, ())


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [1000, 40][len(numbers) :]))
