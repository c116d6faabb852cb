"""What a person sees while things die: the trainer under an open Monitor page, then the dashboard with runs in its queue."""

import os
import re
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backend.containers import build_container
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.states import RunState
from backend.services.bundle import Services
from config.settings import Settings
from tests.browser.conftest import server, wait_until
from tests.fakes.tiny_models import tiny_model

pytestmark = [pytest.mark.browser, pytest.mark.training, pytest.mark.timeout(1800)]
TELLS_WITHIN_SECONDS = 5.0
MOST_KILLS = 3  # a machine that does other things may hold any of the three programs up for so long
TRAINING_SECONDS = 600.0


@pytest.fixture
def services(workspace: Path) -> Iterator[Services]:
    """Another program's services in the dashboard's workspace; they look after nothing by themselves."""
    container = build_container(Settings(workspace=workspace))
    yield container.services()
    container.store().close()


def three_runs(services: Services, rows: Path, folder: Path) -> list[str]:
    """The first is long enough to be disturbed; the others wait for their turn."""
    model = tiny_model(folder / "model", "llama", rows.read_text().splitlines())
    ids = []
    for number, steps in enumerate((3000, 30, 30)):
        order = {
            "name": f"queued-{number}",
            "base_model": str(model),
            "dataset": str(rows),
            "training": {"max_steps": steps, "save_steps": 10, "learning_rate": 1e-3},
        }
        ids.append(services.training.start(RunConfig.model_validate(order), folder).id)
    return ids


def kill_trainer(services: Services, run_id: str) -> float:
    """kill -9; when, by this program's clock."""
    process = services.processes.liveliness(services.status.show(run_id).run).trainer
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    return time.monotonic()


def seconds_until_told(page: Page, services: Services, run_id: str, attempt: int) -> float:
    """Kill an attempt that has made progress; how long the open page took to say it. The next one runs afterwards."""

    def saved() -> int:
        return services.status.show(run_id).last_checkpoint_step or 0

    before = saved()
    wait_until(lambda: saved() > before, TRAINING_SECONDS)
    at = kill_trainer(services, run_id)
    further = f"Attempt {attempt + 1} (starts|is starting|is running)"
    told = re.compile(rf"Attempt {attempt} ended at step \d+: killed by SIGKILL.*{further}")
    expect(page.get_by_text(told).first).to_be_visible()
    seconds = time.monotonic() - at
    again = page.get_by_text(re.compile(f"Attempt {attempt + 1} is running, resumed from step"))
    expect(again).to_be_visible(timeout=TRAINING_SECONDS * 1000)
    return seconds


def test_a_killed_trainer_is_told_within_seconds_and_a_killed_dashboard_loses_no_queue(
    page: Page, rows: Path, workspace: Path, tmp_path: Path, free_port: int, services: Services
) -> None:
    address = f"http://127.0.0.1:{free_port}"

    def run(run_id: str) -> Run:
        return services.status.show(run_id).run

    with server(workspace, free_port) as dashboard:
        ids = three_runs(services, rows, tmp_path)
        wait_until(lambda: (services.status.show(ids[0]).last_checkpoint_step or 0) >= 20, TRAINING_SECONDS)
        assert [run(run_id).state for run_id in ids] == [RunState.RUNNING, RunState.QUEUED, RunState.QUEUED]
        page.goto(f"{address}/monitor?run={ids[0]}")
        expect(page.get_by_text(re.compile("^Attempt 1 is running"))).to_be_visible()
        seconds: list[float] = []
        while not seconds or (seconds[-1] >= TELLS_WITHIN_SECONDS and len(seconds) < MOST_KILLS):
            seconds.append(seconds_until_told(page, services, ids[0], attempt=len(seconds) + 1))
        assert seconds[-1] < TELLS_WITHIN_SECONDS, seconds
        dashboard.kill()
        dashboard.wait(30)
    assert run(ids[1]).state is RunState.QUEUED
    with server(workspace, free_port):
        page.goto(f"{address}/runs")
        expect(page.get_by_text("queued-2").first).to_be_attached()  # a cell of a table that is drawn is never visible
        wait_until(lambda: all(run(run_id).is_over for run_id in ids), TRAINING_SECONDS)
    ended = [run(run_id) for run_id in ids]
    assert [one.state for one in ended] == [RunState.FINISHED] * 3
    for before, after in pairwise(ended):
        assert before.attempts[-1].ended_at is not None
        assert before.attempts[-1].ended_at <= after.attempts[0].started_at, "the queue's order was not kept"
