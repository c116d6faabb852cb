"""The launcher's parts by themselves: ports, addresses, the server's command line, the log, the status file."""

import errno
import json
import os
import socket
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from backend.domain.engine import BackendStatus, EngineState, EngineStatusChanged
from backend.domain.ports import Command
from backend.domain.run import ProcessIdentity
from backend.executors import process_table
from backend.executors.environment import LAUNCH
from backend.executors.local import LocalExecutor
from backend.executors.piped import PipedProgram
from backend.launcher import ports
from backend.launcher.dashboard import dashboard
from backend.launcher.errors import PortsTaken
from backend.launcher.health import bracketed, reachable
from backend.launcher.log_file import CappedLog, Tail
from backend.launcher.program import main
from backend.launcher.server import sweep
from backend.launcher.status_file import StatusFile, address
from config.settings import Settings
from tests.training.runs import wait_until

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


def test_the_first_free_port_is_taken_and_the_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(ports, "is_free", lambda _host, port: port >= 8002)
    assert ports.free_port("127.0.0.1", 8000, None, said.append) == 8002
    assert said == [f"Port {port} is in use. Trying the next one ..." for port in (8000, 8001)]


def test_a_restart_prefers_the_port_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda _host, port: port != 8005)
    assert ports.free_port("127.0.0.1", 8000, 8003, pytest.fail) == 8003
    assert ports.free_port("127.0.0.1", 8000, 8005, lambda _: None) == 8000


@pytest.mark.parametrize("first", [8000, 8123, 9000, 65530])
def test_the_port_and_the_ten_after_it_are_tried(monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    tried: list[int] = []
    monkeypatch.setattr(ports, "is_free", lambda _host, port: tried.append(port))
    with pytest.raises(PortsTaken) as refused:
        ports.free_port("127.0.0.1", first, None, lambda _: None)
    assert tried == list(range(first, min(first + 11, 65536)))
    assert f"{first} to {tried[-1]}" in str(refused.value)


def test_a_port_where_somebody_listens_is_not_free(free_port: int) -> None:
    assert ports.is_free("127.0.0.1", free_port)
    with socket.create_server(("127.0.0.1", free_port)):
        assert not ports.is_free("127.0.0.1", free_port)


def test_a_port_that_only_root_may_use_counts_as_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, _address: object) -> None:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", type("Refusing", (socket.socket,), {"bind": refuse}))
    assert ports.is_free("::1", 80) is False


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("gpu-box.lan", "http://gpu-box.lan:8000"),
    ],
)
def test_the_address_is_one_that_this_machine_reaches(host: str, url: str) -> None:
    assert address(host, 8000) == url
    assert f"http://{bracketed(reachable(host))}:8000" == url
    assert address(host, None) is None


def test_the_dashboard_is_called_with_the_same_settings_from_the_folder_of_its_configuration(tmp_path: Path) -> None:
    command = dashboard(Settings(workspace=tmp_path, max_failures=7), 8004)
    assert command.argv[:4] == (sys.executable, "-m", "streamlit", "run")
    assert Path(command.argv[4]) == ROOT / "app" / "main.py"
    assert command.cwd == ROOT
    assert {"--server.port=8004", "--server.address=127.0.0.1"} <= set(command.argv)
    assert command.environment["PEFT_STUDIO_WORKSPACE"] == str(tmp_path)
    assert command.environment["PEFT_STUDIO_MAX_FAILURES"] == "7"
    assert command.environment["PATH"] == os.environ["PATH"]


def test_what_a_dashboard_starts_is_known_by_its_mark_and_what_a_run_starts_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chat's program must not stay behind, even if it does not hear that its input has ended."""
    monkeypatch.setenv(LAUNCH, "a-mark-of-this-test")
    chat = PipedProgram(SLEEP, tmp_path, tmp_path / "chat.log").start({})
    executor = LocalExecutor()
    run = executor.start(Command(SLEEP, tmp_path, tmp_path / "run.log", tmp_path / "run.lock"))
    assert run is not None
    try:
        wait_until(lambda: LAUNCH in process_table.environment(chat.pid))
        assert sweep("a-mark-of-this-test") == 1
        wait_until(lambda: chat.exit_code is not None)
        assert chat.exit_code == -9
        assert process_table.is_alive(run)
    finally:
        executor.kill(run)
        chat.end(0)


def test_a_log_that_is_full_begins_anew_and_keeps_the_one_before(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "x.log", max_bytes=100)
    for i in range(10):
        log.write(f"line {i}".ljust(49).encode() + b"\n")
    assert log.path.read_text().split("\n")[0].split() == ["line", "8"]
    assert (tmp_path / "x.log.1").read_text().split("\n")[0].split() == ["line", "6"]
    assert {path.name for path in tmp_path.iterdir()} == {"x.log", "x.log.1"}


def test_a_log_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    CappedLog(tmp_path / "missing" / "x.log").write(b"lost")
    assert list(tmp_path.iterdir()) == []


def test_the_last_words_are_few() -> None:
    tail = Tail()
    for i in range(5_000):
        tail.add(f"line {i}\n\n".encode())
    assert tail.text() == "\n".join(f"line {i}" for i in range(4_990, 5_000))


def changed(**facts: object) -> EngineStatusChanged:
    new = BackendStatus(**({"state": EngineState.READY, "port": 8001} | facts))  # type: ignore[arg-type]
    return EngineStatusChanged(BackendStatus(), new, "because", NOON)


def test_the_status_file_says_where_the_dashboard_is(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "state.json", "127.0.0.1", "the-mark")
    process = ProcessIdentity(7, 70, "boot")
    status.write(changed(process=process, start_time=NOON, restart_count=2, exit_code=None))
    assert json.loads(status.path.read_text()) == {
        "running": True,
        "state": "ready",
        "port": 8001,
        "url": "http://127.0.0.1:8001",
        "pid": 7,
        "error": "",
        "start_time": "2026-01-01T12:00:00+00:00",
        "restart_count": 2,
        "exit_code": None,
        "restart": None,
        "process": {"pid": 7, "start_ticks": 70, "boot_id": "boot"},
        "launcher_pid": os.getpid(),
        "mark": "the-mark",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"process": 3}', '{"process": {"pid": "x"}, "mark": 4}'])
def test_a_status_file_that_makes_no_sense_ends_nobody(tmp_path: Path, text: str | None) -> None:
    status = StatusFile(tmp_path / "state.json", "127.0.0.1", "the-mark")
    if text is not None:
        status.path.write_text(text)
    assert status.clear_leftovers() == 0


def test_the_installed_program_is_there() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, name = scripts["peft_engine"].split(":")
    assert getattr(import_module(module), name) is main


def test_the_program_explains_itself_and_refuses_settings_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = (sys.executable, "-m", "backend.launcher", "--help")
    told = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (told.returncode, "--port" in told.stdout) == (0, True)
    monkeypatch.setenv("PEFT_STUDIO_HOST", "192.0.2.1")
    assert main(["--workspace", str(tmp_path)]) == 78
    assert "[address-unusable]" in capsys.readouterr().err
    monkeypatch.setenv("PEFT_STUDIO_PORT", "99999")
    assert main([]) == 78
    assert "port" in capsys.readouterr().err


def test_a_new_workspace_is_its_owners_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEFT_STUDIO_HOST", "192.0.2.1")
    assert main(["--workspace", str(tmp_path / "new")]) == 78
    for folder in (tmp_path / "new", tmp_path / "new" / "logs"):
        assert folder.stat().st_mode & 0o077 == 0
