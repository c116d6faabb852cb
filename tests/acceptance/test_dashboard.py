"""The dashboard is a reader that can be killed at any time, and looks after the runs when it starts."""

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from backend.store.checkpoints import sealed
from tests.acceptance.processes import kill, wait_until
from tests.acceptance.studio import Studio
from tests.acceptance.trained import Room

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]

ENDLESS = ("--set", "training.max_steps=1000000")
NO_ANSWER = (OSError, http.client.HTTPException)


class Dashboard:
    """`peft-studio ui` at a free port."""

    def __init__(self, studio: Studio) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.program: subprocess.Popen[str] = studio.begin("ui", "--port", str(self.port))
        wait_until(self._answers, "the dashboard answers")

    def get(self, path: str) -> Any:
        """The answer; its launcher may be about to replace a server that is slow."""

        def got() -> Any:
            with suppress(*NO_ANSWER):
                return self._ask(path)

        return wait_until(got, f"an answer to {path}")

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            return json.loads(answer.read())
        finally:
            connection.close()

    def _answers(self) -> bool:
        assert self.program.poll() is None, self.program.communicate()
        with suppress(*NO_ANSWER):
            return bool(self._ask("/api/health")["status"] == "ok")
        return False


@contextmanager
def dashboard(studio: Studio) -> Iterator[Dashboard]:
    """A dashboard that is killed with -9 when the block is left."""
    found = Dashboard(studio)
    try:
        yield found
    finally:
        kill(found.program.pid)
        found.program.communicate()


def test_a_run_outlives_its_dashboard_and_a_new_dashboard_resumes_what_was_killed(room: Room, studio: Studio) -> None:
    with dashboard(studio) as first:
        run_id = studio.train(room.order, *ENDLESS)
        trainer = wait_until(lambda: first.get(f"/api/runs/{run_id}")["trainer_pid"], "the dashboard shows a trainer")

    studio.at_step(run_id, 1)
    beat = studio.heartbeat(run_id)
    assert beat is not None
    step = beat.step
    assert studio.at_step(run_id, step + 20) == trainer, "nobody looks, and training goes on"

    checkpoints = studio.folder(run_id).checkpoints
    with dashboard(studio) as second:
        shown = second.get(f"/api/runs/{run_id}")
        assert (shown["state"], shown["trainer_pid"]) == ("running", trainer)
        assert len(shown["attempts"]) == 1
        assert shown["step"] >= step + 20
        wait_until(lambda: sealed(checkpoints), "a checkpoint")
        kill(second.program.pid)
        supervisor = studio.supervisor(run_id)
        wait_until(lambda: studio.processes().keys() == {supervisor, trainer}, "the dashboard ends with its launcher")
        kill(supervisor, trainer)
        studio.wait_for_quiet()
        newest = sealed(checkpoints)[0].step
        third = Dashboard(studio)

    try:
        wait_until(lambda: len(third.get(f"/api/runs/{run_id}")["attempts"]) == 2, "another attempt by itself")
        wait_until(lambda: third.get(f"/api/runs/{run_id}")["state"] == "running", "it runs again")
        shown = third.get(f"/api/runs/{run_id}")
        assert [a["number"] for a in shown["attempts"]] == [1, 2]
        assert shown["trainer_pid"] not in (None, trainer)
        resumed = shown["attempts"][1]["resumed_from_step"]
        assert resumed == newest >= 15
        assert shown["last_checkpoint_step"] >= newest
        studio.at_step(run_id, resumed + 1, attempt=2)
        assert studio.say("runs", "stop", run_id).code == 0
        wait_until(lambda: third.get(f"/api/runs/{run_id}")["state"] == "stopped", "it stops")
    finally:
        kill(third.program.pid)
