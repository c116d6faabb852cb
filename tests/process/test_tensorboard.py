"""Real TensorBoards: started, asked, stopped, and never left behind."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from app.security import is_loopback
from backend.containers import StudioContainer, build_container
from backend.domain.tensorboard_page import Showing, Stage
from backend.probes.tensorboard import LoopbackTensorBoard
from backend.services.tensorboard_server import TensorBoardServer
from backend.trainer.curves import EventFile
from config.settings import Settings
from tests.acceptance.processes import is_gone
from tests.fakes.clock import FakeClock
from tests.untraced import untraced

pytestmark = pytest.mark.process

PATIENCE_SECONDS = 120.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with settings, one of them with two attempts; the second attempt repeats steps 6 to 9."""
    folder = tmp_path_factory.mktemp("logs")
    for name, rate, is_resumed in (("one", 1e-3, False), ("two", 2e-3, True)):
        for first in (0, 6) if is_resumed else (0,):
            events = EventFile(folder / name, first_step=first)
            events.begin_session(name, {"method": "lora", "training.learning_rate": rate})
            for step in range(first, 10):
                events.add(step, {"train/loss": 1.0 / (step + 1 + first)})
        events.end_session(9)
    return folder


@pytest.fixture
def studio(workspace: Path) -> Iterator[StudioContainer]:
    container = build_container(Settings(workspace=workspace))
    yield container
    container.tensorboard().close()


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def ready(server: TensorBoardServer, directories: dict[str, Path]) -> Showing:
    server.start(directories)
    wait_until(lambda: server.showing(directories).stage is not Stage.STARTING, "it answers or fails")
    return server.showing(directories)


def ask(url: str, path: str, body: object = None) -> Any:
    line = HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=30)
    try:
        below = urlsplit(url).path.rstrip("/") + path
        if body is None:
            line.request("GET", below)
        else:
            line.request("POST", below, json.dumps(body), {"content-type": "application/json"})
        answer = line.getresponse()
        assert answer.status == 200, answer.read()
        return json.loads(answer.read())
    finally:
        line.close()


def family(url: str) -> list[psutil.Process]:
    """Who listens at an address, with its descendants."""
    port = urlsplit(url).port
    for process in psutil.process_iter():
        try:
            if any(one.laddr.port == port for one in process.net_connections("tcp") if one.status == "LISTEN"):
                return [process, *process.children(recursive=True)]
        except (psutil.Error, OSError):
            continue
    return []


def are_gone(processes: list[psutil.Process]) -> bool:
    return all(is_gone(one.pid) for one in processes)


def test_it_shows_runs_by_their_names_with_curves_and_settings(studio: StudioContainer, logs: Path) -> None:
    directories = {"lora r=16": logs / "one", "resumed": logs / "two"}
    found = ready(studio.tensorboard(), directories)
    assert found.stage is Stage.READY, found.reason
    wait_until(lambda: ask(found.url, "/data/runs") == ["lora r=16", "resumed"], "both runs are loaded")

    points = ask(found.url, "/data/plugin/scalars/scalars?run=resumed&tag=train%2Floss")
    assert [step for _, step, _ in points] == list(range(10))
    assert points[6][2] == pytest.approx(1 / 13), "the second attempt's"

    groups = ask(
        found.url,
        "/data/plugin/hparams/session_groups",
        {"startIndex": 0, "sliceSize": 9, "allowedStatuses": ["STATUS_SUCCESS"], "colParams": []},
    )["sessionGroups"]
    settings = {group["name"]: group["hparams"] for group in groups}
    assert settings["one"] == {"method": "lora", "training.learning_rate": 1e-3}
    assert settings["two"]["training.learning_rate"] == 2e-3


def test_nothing_is_told_to_who_does_not_know_its_path(studio: StudioContainer, logs: Path) -> None:
    found = ready(studio.tensorboard(), {"one": logs / "one"})
    parts = urlsplit(found.url)
    assert len(parts.path) > 30
    for path in ("/", "/data/runs", "/data/environment", parts.path[:-2] + "/data/runs"):
        line = HTTPConnection("127.0.0.1", parts.port or 0, timeout=30)
        line.request("GET", path)
        assert line.getresponse().status == 404
        line.close()
    server = next((studio.settings().workspace / "tensorboard").glob("*/server.json"))
    assert server.stat().st_mode & 0o077 == 0


def test_all_of_it_listens_on_loopback_and_ends_with_close(studio: StudioContainer, logs: Path) -> None:
    found = ready(studio.tensorboard(), {"one": logs / "one"})
    processes = family(found.url)
    assert processes
    addresses = [one.laddr.ip for each in processes for one in each.net_connections("tcp") if one.status == "LISTEN"]
    assert addresses
    assert all(map(is_loopback, addresses)), addresses
    assert all(os.getsid(each.pid) != os.getsid(0) for each in processes), "our terminal's signals do not reach it"

    studio.tensorboard().close()

    assert are_gone(processes[:1])
    wait_until(lambda: are_gone(processes), "its data server follows")
    assert studio.tensorboard().showing({"one": logs / "one"}).stage is Stage.OFF


class Watched(LoopbackTensorBoard):
    """Says that somebody looks, or not, as the test wants it."""

    is_watched = True

    def is_looked_at(self, pid: int, port: int) -> bool:  # noqa: ARG002
        return self.is_watched


def test_it_is_stopped_when_nobody_looks(studio: StudioContainer, logs: Path) -> None:
    clock, probe, directories = FakeClock(), Watched(), {"one": logs / "one"}
    server = TensorBoardServer(studio.executor(), clock, studio.tensorboard()._program, probe, idle_minutes=10)
    try:
        processes = family(ready(server, directories).url)
        for is_watched in (True, False):
            probe.is_watched = is_watched
            clock.advance(601)
            server.tend()
            assert are_gone(processes[:1]) is not is_watched
        assert server.showing(directories).stage is Stage.OFF
    finally:
        server.close()


def test_a_browser_that_asks_is_seen_also_after_its_connection_was_closed(
    studio: StudioContainer, logs: Path, free_port: int
) -> None:
    probe = LoopbackTensorBoard()
    found = ready(studio.tensorboard(), {"one": logs / "one"})
    port = urlsplit(found.url).port or 0
    ask(found.url, "/data/runs")
    assert probe.is_looked_at(family(found.url)[0].pid, port)
    assert not probe.is_looked_at(os.getpid(), free_port)


def test_a_port_that_somebody_else_takes_first_is_given_up(studio: StudioContainer, logs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        taken = thief.getsockname()[1]

        class Unlucky(LoopbackTensorBoard):
            first = True

            def free_port(self) -> int:
                was_first, self.first = self.first, False
                return int(taken) if was_first else super().free_port()

        server = TensorBoardServer(
            studio.executor(), studio.clock(), studio.tensorboard()._program, Unlucky(), idle_minutes=10
        )
        try:
            found = ready(server, {"one": logs / "one"})
            assert found.stage is Stage.READY, found.reason
            assert urlsplit(found.url).port != taken
        finally:
            server.close()


def test_a_program_that_cannot_run_says_why(studio: StudioContainer, logs: Path) -> None:
    made = studio.tensorboard()._program
    program = type(made)((sys.executable, "-m", "no_such_module"), made.folder, made.environment)
    server = TensorBoardServer(studio.executor(), studio.clock(), program, LoopbackTensorBoard(), idle_minutes=10)
    found = ready(server, {"one": logs / "one"})
    assert found.stage is Stage.FAILED
    assert "No module named no_such_module" in found.reason


@contextmanager
def an_owner(workspace: Path, logs: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    words = (sys.executable, "-m", "tests.process.tensorboard_owner", str(workspace), str(logs))
    owner = subprocess.Popen(words, cwd=ROOT, env=untraced(os.environ), stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        assert select.select([owner.stdout], [], [], PATIENCE_SECONDS)[0], "it says how it went"
        stage, url, *reason = owner.stdout.readline().split()
        assert stage == "ready", reason
        yield owner, url
    finally:
        owner.kill()
        owner.communicate()


def test_an_owner_that_is_killed_leaves_nothing_behind(workspace: Path, logs: Path) -> None:
    workspace.mkdir(exist_ok=True)
    with an_owner(workspace, logs) as (owner, url):
        processes = family(url)
        assert processes
        owner.send_signal(signal.SIGKILL)
        wait_until(lambda: are_gone(processes), "TensorBoard and its data server end with their owner")


def test_another_program_of_the_workspace_finds_it(workspace: Path, logs: Path) -> None:
    workspace.mkdir(exist_ok=True)
    with an_owner(workspace, logs) as (_, url):
        server, directories = build_container(Settings(workspace=workspace)).tensorboard(), {"another name": logs}
        server.start(directories)
        wait_until(lambda: server.showing(directories) == Showing(Stage.READY, url, is_ours=False), "it is found")


def the_command(workspace: Path, *words: str) -> "subprocess.Popen[str]":
    command = (sys.executable, "-m", "backend.cli", "--workspace", str(workspace), "tensorboard", *words)
    return subprocess.Popen(
        command, cwd=ROOT, env=untraced(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command_prints_the_address_and_ctrl_c_ends_all_of_it(workspace: Path, logs: Path, free_port: int) -> None:
    command = the_command(workspace, "--logdir", str(logs), "--port", str(free_port))
    try:
        assert command.stdout is not None
        assert select.select([command.stdout], [], [], PATIENCE_SECONDS)[0], "it says its address"
        said = command.stdout.readline().strip()
        url = said.removeprefix("TensorBoard answers at ")
        assert url.startswith(f"http://127.0.0.1:{free_port}/"), said
        wait_until(lambda: len(ask(url, "/data/runs")) == 2, "both runs are loaded")
        processes = family(url)
        command.send_signal(signal.SIGINT)
        assert command.wait(30) == 0
        wait_until(lambda: are_gone(processes), "all of it has ended")
    finally:
        command.kill()
        command.communicate()


def test_the_command_refuses_a_port_that_is_taken_and_a_folder_that_is_not_there(
    workspace: Path, logs: Path, free_port: int
) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        told = the_command(workspace, "--logdir", str(logs), "--port", str(free_port)).communicate(timeout=60)[1]
    assert "[port-taken]" in told
    assert "[no-log-directory]" in the_command(workspace, "--logdir", str(logs / "x")).communicate(timeout=60)[1]
    assert "has no run yet" in the_command(workspace).communicate(timeout=60)[1]
    assert "[run-not-found]" in the_command(workspace, "nobody").communicate(timeout=60)[1]
