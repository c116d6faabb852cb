"""The real server, started as people start it: local, closed to other sites, and not to be weakened."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.security import is_loopback
from config.server_flags import streamlit_flags
from config.settings import Settings
from tests.process.serving import ROOT, STOP_SECONDS, Served, a_free_port, end, serving, start

pytestmark = pytest.mark.process

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WEAK = """
[server]
address = "0.0.0.0"
enableCORS = false
enableXsrfProtection = false
enableStaticServing = true
enableAgentApi = true
[browser]
gatherUsageStats = true
[client]
showErrorDetails = "full"
"""
ALL_PATHS = """
import json
from app.main import app

def paths(routes, prefix=""):
    for route in routes:
        children = getattr(route, "routes", None)
        yield prefix + getattr(route, "path", "")
        yield from paths(children or [], prefix + getattr(route, "path", ""))

print(json.dumps(sorted(set(paths(app._build_starlette_app().routes)))))
"""


WEAK_VARIABLES = {
    "STREAMLIT_SERVER_ENABLE_CORS": "false",
    "STREAMLIT_SERVER_ENABLE_AGENT_API": "true",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "true",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A plain start, under variables that would weaken it."""
    with serving(tmp_path_factory.mktemp("dashboard"), environment=WEAK_VARIABLES) as found:
        yield found


@pytest.fixture(scope="module")
def all_paths() -> list[str]:
    """Every path that the server knows, ours and Streamlit's, with `x` for each parameter."""
    child = subprocess.run(
        [sys.executable, "-c", ALL_PATHS], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(child.stdout.splitlines()[-1])
    return [re.sub(r"{[^}]*}", "x", path) or "/" for path in found]


def test_health_is_answered_and_the_address_is_printed(served: Served) -> None:
    status, headers, body = served.ask("GET", "/api/health")
    assert status == 200
    assert headers["content-type"] == "application/json"
    assert json.loads(body)["status"] == "ok"
    assert f"http://127.0.0.1:{served.port}" in served.log.read_text(encoding="utf-8")


def test_only_this_machine_can_connect_and_nothing_goes_out(served: Served) -> None:
    family = [
        psutil.Process(served.process.pid),
        *psutil.Process(served.process.pid).children(recursive=True),
    ]
    connections = [found for process in family for found in process.net_connections(kind="inet")]
    listening = {found.laddr.ip for found in connections if found.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}
    assert all(is_loopback(found.raddr.ip) for found in connections if found.raddr)


def test_starting_is_told(served: Served) -> None:
    body = json.loads(served.ask("GET", "/api/startup/status")[2])
    assert body["ready"] is True
    assert body["phases"][0]["name"] == "Python and imports"
    assert 0 < body["phases"][0]["seconds"] < 600


def test_the_page_is_served_with_the_policy(served: Served) -> None:
    status, headers, body = served.ask("GET", "/")
    assert status == 200
    assert b'<div id="root">' in body
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_what_does_not_exist_under_api_is_a_json_404(served: Served) -> None:
    status, headers, body = served.ask("GET", "/api/nope")
    assert (status, headers["content-type"]) == (404, "application/json")
    assert json.loads(body)["error"]["id"] == "route-not-found"


def test_a_foreign_host_gets_nothing_on_any_route_with_any_method(served: Served, all_paths: list[str]) -> None:
    assert {"/api/health", "/_stcore/health", "/_stcore/stream"} <= set(all_paths)
    answers = {
        (method, path): served.ask(method, path, {"Host": "evil.example"})[0]
        for path in all_paths
        for method in METHODS
    }
    assert len(answers) > 100
    assert {question for question, status in answers.items() if status != 403} == set()


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:{port}", "http://evil.example"),
        ("127.0.0.1:{port}", "null"),
        ("127.0.0.1:{port}", "http://localhost:3000"),
        ("127.0.0.1:{port}", None),
        ("evil.example", "http://evil.example"),
        ("evil.example:{port}", "http://127.0.0.1:{port}"),
    ],
)
def test_a_websocket_of_another_page_is_refused(served: Served, host: str, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        open_stream(served, host.format(port=served.port), origin and origin.format(port=served.port))
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_websocket_of_our_page_is_opened(served: Served, name: str) -> None:
    open_stream(served, f"{name}:{served.port}", f"http://{name}:{served.port}")


def open_stream(served: Served, host: str, origin: str | None) -> None:
    """Open and close Streamlit's WebSocket under a name, over a connection to 127.0.0.1."""
    with (
        socket.create_connection(("127.0.0.1", served.port), timeout=30) as line,
        connect(f"ws://{host}/_stcore/stream", sock=line, origin=origin, open_timeout=30, proxy=None),
    ):
        pass


def test_variables_cannot_weaken_a_plain_start(served: Served) -> None:
    assert_strong(served)


@pytest.mark.usefixtures("untraced_programs")
def test_flags_win_over_the_configuration_of_the_user_and_of_the_folder_and_it_ends_when_asked(tmp_path: Path) -> None:
    for folder in (tmp_path / "home", tmp_path / "elsewhere"):
        weak = folder / ".streamlit" / "config.toml"
        weak.parent.mkdir(parents=True)
        weak.write_text(WEAK, encoding="utf-8")
    port = a_free_port()
    flags = streamlit_flags(Settings(), port)
    with serving(tmp_path, flags, cwd=tmp_path / "elsewhere", port=port) as served:
        sockets = psutil.Process(served.process.pid).net_connections(kind="inet")
        assert {s.laddr.ip for s in sockets if s.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        assert_strong(served)
        served.process.terminate()
        served.process.wait(STOP_SECONDS)


def assert_strong(served: Served) -> None:
    """What a weak configuration would show: any origin may read, and the agent interface answers."""
    status, headers, _ = served.ask("GET", "/_stcore/health")
    assert status == 200
    assert "access-control-allow-origin" not in headers
    own = {"Host": f"127.0.0.1:{served.port}", "Content-Type": "application/json"}
    assert served.ask("POST", "/_stcore/agent/interact", own)[0] in (403, 404)


@pytest.mark.usefixtures("untraced_programs")
def test_a_server_that_would_listen_to_everybody_does_not_start(tmp_path: Path) -> None:
    everybody = {"STREAMLIT_SERVER_ADDRESS": "0.0.0.0"}
    process, log = start(tmp_path, [f"--server.port={a_free_port()}"], environment=everybody)
    try:
        assert process.wait(90) != 0
    finally:
        end(process)
    assert "[listens-too-wide]" in log.read_text(encoding="utf-8")
