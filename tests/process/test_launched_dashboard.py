"""The launcher over the real dashboard: a hang is replaced, the end leaves nothing behind but the runs."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backend.executors import process_table
from backend.executors.environment import LAUNCH
from tests.process.lab import Lab, wait_until
from tests.process.serving import a_free_port

pytestmark = pytest.mark.process
PATIENT = """
import sys
from backend.domain.engine import EnginePolicy
from backend.launcher import program
from config.settings import Settings

sys.exit(program.serve(Settings(), int(sys.argv[1]), program._say, policy=EnginePolicy(check_timeout=4.0)))
"""  # a busy machine may be silent for a second


def health(port: int) -> int | None:
    """The pid of the server that answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/api/health")
        return int(json.loads(connection.getresponse().read())["pid"])
    except OSError:
        return None
    finally:
        connection.close()


def is_alive(pid: int) -> bool:
    entry = process_table.read(pid)
    return entry is not None and not entry.is_zombie


def test_a_hanging_dashboard_is_replaced_and_runs_outlive_all_of_it(
    make_lab: Callable[..., Lab], workspace: Path, tmp_path: Path
) -> None:
    lab = make_lab()
    lab.start(total_steps=1_000_000, step_seconds=0.02)
    lab.wait_for_step(1)
    trainer = lab.trainer()
    port = a_free_port()
    home = {"HOME": str(tmp_path), "PEFT_STUDIO_WORKSPACE": str(workspace)}
    words = (sys.executable, "-c", PATIENT, str(port))
    log = tmp_path / "launcher.log"
    with log.open("wb") as output:
        program = subprocess.Popen(words, env=os.environ | home, stdout=output, stderr=subprocess.STDOUT)
    state = workspace / "engine_state.json"

    def status() -> dict[str, Any]:
        with suppress(OSError):
            return dict(json.loads(state.read_text()))
        return {}

    try:
        wait_until(lambda: status().get("running"), "the dashboard is ready")
        first = status()["pid"]
        assert health(status()["port"]) == first

        # it gives the run a new supervisor, which is its child and yet no part of it
        lab.kill(lab.supervisor())
        supervisor = wait_until(lab.supervisor, "the dashboard looks after the run")
        assert LAUNCH not in process_table.environment(supervisor.pid)

        os.kill(first, signal.SIGSTOP)
        wait_until(lambda: status().get("running") and status()["pid"] != first, "another dashboard is ready")
        second = status()
        assert (health(second["port"]), second["restart_count"]) == (second["pid"], 1)
        assert "did not answer 3 checks in a row" in second["restart"]["reason"]
        assert not is_alive(first)
        assert (lab.supervisor(), lab.trainer()) == (supervisor, trainer)

        program.send_signal(signal.SIGINT)
        assert program.wait(60) == 0, log.read_text()
        assert not is_alive(second["pid"])
        assert (status()["running"], status()["state"]) == (False, "stopped")
        assert (lab.supervisor(), lab.trainer()) == (supervisor, trainer)
        assert "did not answer 3 checks in a row" in log.read_text()
    finally:
        program.kill()
        program.wait()
