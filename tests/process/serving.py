"""Starting the real dashboard server for a test, and ending it."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Served:
    """A server that answers at 127.0.0.1:port."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (lower case) and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


def a_free_port() -> int:
    """A port of the loopback address that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    folder: Path, flags: Sequence[str], cwd: Path = ROOT, environment: dict[str, str] | None = None
) -> tuple[subprocess.Popen[bytes], Path]:
    """`streamlit run app/main.py` with a home and a workspace in `folder`; its log is a file there."""
    log = folder / "server.log"
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    own = {"HOME": str(home), "PEFT_STUDIO_WORKSPACE": str(folder / "workspace")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py"), *flags],
            cwd=cwd,
            env=inherited | own | (environment or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return process, log


@contextmanager
def serving(
    folder: Path,
    flags: Sequence[str] | None = None,
    cwd: Path = ROOT,
    environment: dict[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Served]:
    """A dashboard that answers; ended when the block is left."""
    port = port or a_free_port()
    process, log = start(folder, flags or [f"--server.port={port}"], cwd, environment)
    try:
        served = Served(port, process, log)
        wait_until_it_answers(served)
        yield served
    finally:
        end(process)


def wait_until_it_answers(served: Served) -> None:
    """Return when /api/health says ok; fail with the log if the server ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if served.process.poll() is not None:
            break
        try:
            if served.ask("GET", "/api/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start:\n{served.log.read_text(encoding='utf-8', errors='replace')}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, wait, insist."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
