"""The real launcher over a web server that misbehaves on request."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.executors import lock_file, process_table
from backend.launcher.health import is_healthy
from tests.process.lab import wait_until
from tests.process.serving import a_free_port

pytestmark = pytest.mark.process

PROGRAM = Path(__file__).parent.parent / "fakes" / "launcher_program.py"
QUICK = {"waits": [0.05, 0.05, 0.05], "check_every": 0.2, "check_timeout": 30.0, "check_every_at_start": 0.05}
IMPATIENT = {"check_timeout": 3.0}  # only where silence is the point: a busy machine is silent at times


@dataclass
class Launch:
    """One launcher, and what it can be seen to do."""

    folder: Path
    policy: dict[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=a_free_port)
    terminal: int | None = None

    def __post_init__(self) -> None:
        self.workspace = self.folder / "workspace"
        self.programs: list[subprocess.Popen[str]] = []

    def begin(self, *starts: dict[str, Any], **otherwise: Any) -> subprocess.Popen[str]:
        place = self.folder / "plan.json"
        place.write_text(json.dumps({"starts": starts, "otherwise": otherwise}))
        words = (str(self.workspace), str(self.port), str(place), json.dumps(QUICK | self.policy))
        program = subprocess.Popen(
            (sys.executable, str(PROGRAM), *words),
            stdin=subprocess.DEVNULL if self.terminal is None else self.terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.programs.append(program)
        return program

    def status(self) -> dict[str, Any]:
        with suppress(OSError):
            return dict(json.loads((self.workspace / "engine_state.json").read_text()))
        return {}

    def until(self, condition: Callable[[dict[str, Any]], object], seconds: float = 60.0) -> dict[str, Any]:
        wait_until(lambda: condition(self.status()), f"{self.status()} {self.log()}", seconds)
        return self.status()

    def ready(self, number: int = 1) -> dict[str, Any]:
        """The n-th server answers."""
        return self.until(lambda found: found.get("running") and len(self.starts()) == number)

    def starts(self) -> list[tuple[int, int]]:
        """Pid and port of each server that was started."""
        with suppress(OSError):
            lines = (self.folder / "starts").read_text().splitlines()
            return [(int(pid), int(port)) for pid, port in (line.split() for line in lines)]
        return []

    def children(self) -> list[int]:
        place = self.folder / "children"
        wait_until(lambda: place.exists() and len(place.read_text().split()) == 3, "three children")
        return [int(pid) for pid in place.read_text().split()]

    def log(self) -> str:
        place = self.workspace / "logs" / "dashboard.log"
        return place.read_text(errors="replace") if place.exists() else ""

    def alive(self) -> list[int]:
        """Servers that live."""
        return [pid for pid, _ in self.starts() if lives(pid)]

    def end(self) -> None:
        for program in self.programs:
            if program.poll() is None:
                program.kill()
            program.communicate()
        place = self.folder / "children"
        for pid in [*self.alive(), *map(int, place.read_text().split() if place.exists() else ())]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    entry = process_table.read(pid)
    return entry is not None and not entry.is_zombie


def stop(program: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
    program.send_signal(number)
    out, err = program.communicate(timeout=60)
    return program.returncode, out, err


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    found = Launch(tmp_path)
    yield found
    found.end()


def test_the_address_is_told_when_it_answers_and_the_end_is_marked(launch: Launch) -> None:
    program = launch.begin()
    found = launch.ready()
    (pid, port), *_ = launch.starts()
    assert (found["pid"], found["port"], found["launcher_pid"]) == (pid, port, program.pid)
    assert found["url"] == f"http://127.0.0.1:{port}"
    assert (found["error"], found["restart_count"], found["exit_code"]) == ("", 0, None)
    assert process_table.identify(pid) is not None
    code, out, err = stop(program, signal.SIGINT)
    assert (code, out.count(f"PEFT Studio is at http://127.0.0.1:{port} ")) == (0, 1)
    assert "The dashboard was stopped." in err
    assert launch.alive() == []
    found = launch.status()
    assert (found["running"], found["state"], found["pid"], found["exit_code"]) == (False, "stopped", None, -15)
    assert "launcher: The dashboard is ready" in launch.log()
    assert "serving" in launch.log()


def test_a_server_that_dies_is_back_at_the_same_port(launch: Launch) -> None:
    launch.begin()
    first = launch.ready()
    os.kill(first["pid"], signal.SIGKILL)
    died = time.monotonic()
    second = launch.ready(2)
    assert time.monotonic() - died < 20.0
    assert second["pid"] != first["pid"]
    assert (second["port"], second["restart_count"]) == (first["port"], 1)
    assert "stopped unexpectedly (killed by SIGKILL)" in launch.log()


def test_a_server_that_was_stopped_by_the_system_is_replaced(launch: Launch) -> None:
    launch.policy = IMPATIENT
    launch.begin()
    first = launch.ready()
    os.kill(first["pid"], signal.SIGSTOP)
    launch.ready(2)
    assert launch.alive() == [launch.starts()[1][0]]
    assert "did not answer 3 checks in a row" in launch.log()


def test_a_server_that_falls_silent_is_replaced(launch: Launch) -> None:
    launch.policy = IMPATIENT
    launch.begin({"silent_after": 3})
    launch.ready(2)
    assert "did not answer 3 checks in a row" in launch.log()


@pytest.mark.parametrize("fault", ["unready", "stranger"])
def test_only_the_good_answer_of_our_own_server_counts(launch: Launch, fault: str) -> None:
    program = launch.begin({fault: True, "say": "Application startup complete"})
    asked = launch.folder / "asked"
    wait_until(lambda: asked.exists() and asked.stat().st_size >= 3, "three checks were answered")
    assert (launch.status()["running"], launch.status()["state"]) == (False, "starting")
    assert "PEFT Studio is at" not in stop(program)[1]


def test_what_keeps_dying_is_given_up_after_three_restarts_with_its_last_words(launch: Launch) -> None:
    program = launch.begin(exit=3, say="ModuleNotFoundError: No module named 'streamlit'")
    out, err = program.communicate(timeout=60)
    assert (program.returncode, out) == (69, "")
    assert len(launch.starts()) == 4
    assert "No module named 'streamlit'" in err
    assert "[dashboard-failed]" in err
    found = launch.status()
    assert (found["running"], found["exit_code"], found["restart_count"]) == (False, 3, 3)
    assert "exit code 3" in found["error"]


def test_at_a_terminal_enter_starts_what_was_given_up(launch: Launch) -> None:
    ours, launch.terminal = pty.openpty()
    launch.begin(*[{"exit": 1}] * 4)
    os.close(launch.terminal)
    launch.until(lambda found: found.get("state") == "failed")
    os.write(ours, b"\n")
    assert launch.ready(5)["restart_count"] == 0
    os.close(ours)


def test_term_that_is_ignored_becomes_kill_after_a_second(launch: Launch) -> None:
    program = launch.begin(ignore_term=True)
    pid = launch.ready()["pid"]
    asked = time.monotonic()
    code, _, err = stop(program)
    assert 1.0 <= time.monotonic() - asked < 30.0
    assert (code, lives(pid)) == (0, False)
    assert "did not end within 1 s; it is killed" in err
    assert launch.status()["exit_code"] == -9


@pytest.mark.parametrize("end", ["term", "crash", "kill"])
def test_what_the_server_started_ends_with_it_but_programs_of_runs_go_on(launch: Launch, end: str) -> None:
    """The launcher is asked to end, fails by itself, or is killed and started again."""
    program = launch.begin({"children": True} | ({"exit_after": 1.0} if end == "crash" else {}), exit=1)
    *ours, run = launch.children()
    if end == "term":
        launch.ready()
        stop(program)
    elif end == "crash":
        program.communicate(timeout=60)
    else:
        launch.ready()
        program.kill()
        program.wait()  # with it goes the lock
        launch.begin()
        launch.ready(2)
    wait_until(lambda: not any(map(lives, ours)), "what belonged to the dashboard is gone")
    assert lives(run)


def test_a_launcher_that_fails_by_itself_takes_its_server_along(launch: Launch) -> None:
    launch.policy = {"check_timeout": "soon"}  # nobody foresaw a time that is no number
    program = launch.begin(ignore_term=True)
    _, err = program.communicate(timeout=60)
    assert "TypeError" in err
    assert len(launch.starts()) <= 1
    assert launch.alive() == []
    assert launch.status()["state"] == "stopped"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next start ends what is left")
def test_a_killed_launcher_takes_its_server_along(launch: Launch) -> None:
    program = launch.begin(ignore_term=True)
    pid = launch.ready()["pid"]
    program.kill()
    wait_until(lambda: not lives(pid), "the kernel ends the server")


def test_the_next_launcher_ends_the_server_that_a_killed_one_left(launch: Launch) -> None:
    """As where the kernel does not do it: the status file names a process that still lives."""
    sleeper = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)"), start_new_session=True)
    identity = process_table.identify(sleeper.pid)
    assert identity
    fields = {"pid": identity.pid, "start_ticks": identity.start_ticks, "boot_id": identity.boot_id}
    other = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)"), start_new_session=True)
    try:
        launch.workspace.mkdir(parents=True)
        state = launch.workspace / "engine_state.json"
        state.write_text(json.dumps({"process": fields, "mark": "of-a-dead-launcher"}))
        program = launch.begin()
        assert sleeper.wait(30) == -9
        launch.ready()
        stop(program)
        # a reused pid is nobody's leftover
        reused = fields | {"pid": other.pid, "start_ticks": identity.start_ticks - 1}
        state.write_text(json.dumps({"process": reused, "mark": ""}))
        launch.begin()
        launch.ready(2)
        assert other.poll() is None
    finally:
        sleeper.kill()
        other.kill()
        sleeper.wait()
        other.wait()


def test_a_busy_port_is_passed_over_and_the_chosen_one_passed_on(launch: Launch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", launch.port))
        taken.listen()
        program = launch.begin()
        found = launch.ready()
        assert launch.port < found["port"] <= launch.port + 10
        assert launch.starts() == [(found["pid"], found["port"])]
        _, out, err = stop(program)
    assert f"Port {launch.port} is in use. Trying the next one" in err
    assert f":{found['port']} " in out


def test_a_second_launcher_says_where_the_first_one_is(launch: Launch) -> None:
    first = launch.begin()
    found = launch.ready()
    second = launch.begin()
    out, _ = second.communicate(timeout=60)
    assert second.returncode == 0
    assert f"PEFT Studio is already at {found['url']}  (kept by process {first.pid})" in out
    assert len(launch.starts()) == 1
    assert launch.status() == found


def test_of_launchers_that_begin_at_once_one_serves(launch: Launch) -> None:
    programs = [launch.begin() for _ in range(4)]
    launch.ready()
    wait_until(lambda: [p.poll() for p in programs].count(None) == 1, "three have left")
    assert len(launch.starts()) == 1


def test_the_log_is_capped_and_never_holds_the_server_up(launch: Launch) -> None:
    launch.begin(flood=12_000_000)
    launch.ready()
    logs = launch.workspace / "logs"
    sizes = {path.name: path.stat().st_size for path in logs.iterdir()}
    assert set(sizes) == {"dashboard.log", "dashboard.log.1"}
    assert max(sizes.values()) <= 5_000_000


def test_a_workspace_that_cannot_be_written_is_told(launch: Launch) -> None:
    launch.workspace.write_text("a file")
    program = launch.begin()
    assert "[workspace-unusable]" in program.communicate(timeout=60)[1]
    assert program.returncode == 74


def test_a_lock_file_of_a_dead_launcher_holds_nobody_up(launch: Launch) -> None:
    program = launch.begin()
    launch.ready()
    program.kill()
    program.communicate()
    assert lock_file.read_identity(launch.workspace / "engine.lock") is not None
    launch.begin()
    launch.ready(2)


def test_a_check_has_a_deadline_that_drops_of_an_answer_do_not_stretch(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as server:
        script = (
            "import socket, sys, time\n"
            "line = socket.socket(fileno=int(sys.argv[1])).accept()[0]\n"
            "while True: line.sendall(b'H'); time.sleep(0.05)\n"
        )
        fd = server.fileno()
        dripping = subprocess.Popen((sys.executable, "-c", script, str(fd)), pass_fds=(fd,), stderr=subprocess.DEVNULL)
        try:
            began = time.monotonic()
            assert not is_healthy("127.0.0.1", free_port, os.getpid(), 0.5)
            assert time.monotonic() - began < 10.0
        finally:
            dripping.kill()
            dripping.wait()


def test_nobody_listens_is_a_miss_at_once(free_port: int) -> None:
    assert not is_healthy("127.0.0.1", free_port, os.getpid(), 1.0)


def test_no_child_of_the_launcher_is_a_zombie(launch: Launch) -> None:
    program = launch.begin({"exit": 1}, {"exit": 1})
    launch.ready(3)
    children = psutil.Process(program.pid).children(recursive=True)
    assert [child.pid for child in children] == launch.alive()
