"""Other sites, other names and other machines get nothing; every answer carries the security headers."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message, Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.runtime import use_container
from app.security import SameOrigin, SecurityHeaders, is_loopback
from app.server import middleware, routes
from config.settings import Settings
from tests.fakes.dashboard import FakeContainer, a_view

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
OURS = (
    "localhost",
    "localhost:8501",
    "127.0.0.1:8501",
    "[::1]:8501",
    "LocalHost:8501",
    "localhost.",
    "127.0.0.2",
)
FOREIGN = (
    "evil.example",
    "evil.example:8501",
    "localhost.evil.example",
    "127.0.0.1.nip.io",
    "user@localhost",
    "localhost/../evil",
    "localhost?x",
    "localhost#x",
    "localhost:port",
    "localhost:99999",
    "192.168.1.7:8501",
    "0.0.0.0:8501",
    "[::]:8501",
    "[::1",
    "",
    " ",
    "local host",
)
REQUIRED_HEADERS = (
    "content-security-policy",
    "x-frame-options",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
)


async def _echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("open")
    await socket.close()


def application(host: str = "127.0.0.1") -> Starlette:
    page = Route("/", lambda _: PlainTextResponse("page"), methods=list(METHODS))
    all_routes = [*routes(), page, WebSocketRoute("/_stcore/stream", _echo)]
    return Starlette(routes=all_routes, middleware=middleware(Settings(host=host)))


@pytest.fixture
def client() -> Iterator[TestClient]:
    container = FakeContainer()
    container.the_services.status.views = {"a-run": a_view()}
    use_container(container)
    yield TestClient(application(), base_url="http://127.0.0.1:8501")
    use_container(None)


def every_path() -> list[str]:
    """All paths of our routes, with a value for each parameter, and Streamlit's page."""
    found = ["/"]
    for route in routes():
        children = route.routes if isinstance(route, Mount) else [route]
        prefix = route.path if isinstance(route, Mount) else ""
        found += [prefix + re.sub(r"{\w+}", "a-run", child.path) for child in children]
    return found


def test_the_enumeration_of_routes_sees_them_all() -> None:
    known = {
        "/",
        "/api/health",
        "/api/runs/a-run",
        "/api/runs/a-run/curves",
        "/studio/board/a-run/a-run",
        "/studio/curves",
        "/studio/watch",
    }
    assert known <= set(every_path())
    assert len(every_path()) == 17


@pytest.mark.parametrize("path", every_path())
@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_host_is_refused_on_every_route_and_method(client: TestClient, path: str, method: str) -> None:
    answer = client.request(method, path, headers={"host": "evil.example"})
    assert answer.status_code == 403
    assert all(name in answer.headers for name in REQUIRED_HEADERS)


@pytest.mark.parametrize("path", every_path())
@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_origin_is_refused_on_every_route_and_method(client: TestClient, path: str, method: str) -> None:
    headers = {"host": "localhost:8501", "origin": "http://evil.example"}
    assert client.request(method, path, headers=headers).status_code == 403


@pytest.mark.parametrize("host", OURS)
def test_names_of_this_machine_are_served(client: TestClient, host: str) -> None:
    assert client.get("/api/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
def test_anything_else_in_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/health", headers={"host": host}).status_code == 403


def test_two_hosts_are_refused(client: TestClient) -> None:
    headers = [("host", "localhost"), ("host", "localhost")]
    assert client.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "file://localhost:8501",
        "http://localhost:3000",
        "http://localhost:8501.evil.example",
        "http://evil.example@localhost:8501",
        "http://[",
        "localhost:8501",
    ],
)
def test_other_origins_are_refused(client: TestClient, origin: str) -> None:
    assert client.get("/", headers={"host": "localhost:8501", "origin": origin}).status_code == 403


def test_the_own_origin_is_served(client: TestClient) -> None:
    headers = {"host": "localhost:8501", "origin": "http://localhost:8501"}
    assert client.post("/", headers=headers).status_code == 200


def test_a_refusal_is_explained(client: TestClient) -> None:
    error = client.get("/", headers={"host": "evil.example"}).json()["error"]
    assert error["id"] == "request-refused"
    assert "evil" not in str(error)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8501", "http://evil.example"),
        ("localhost:8501", "null"),
        ("localhost:8501", None),
        ("evil.example", "http://evil.example"),
        ("evil.example", "http://localhost:8501"),
    ],
)
def test_a_websocket_of_another_page_is_refused(client: TestClient, host: str, origin: str | None) -> None:
    headers = {"host": host} | ({"origin": origin} if origin else {})
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers=headers):
        pass


def test_a_websocket_of_our_page_is_opened(client: TestClient) -> None:
    headers = {"host": "localhost:8501", "origin": "http://localhost:8501"}
    with client.websocket_connect("/_stcore/stream", headers=headers) as socket:
        assert socket.receive_text() == "open"


@pytest.mark.parametrize(
    ("listens_on", "arrived_at", "host", "is_served"),
    [
        ("127.0.0.1", "192.168.1.7", "localhost", False),
        ("127.0.0.1", "::ffff:192.168.1.7", "localhost", False),
        ("127.0.0.1", "::ffff:127.0.0.1", "localhost", True),
        ("127.0.0.1", "::1", "[::1]:8501", True),
        ("0.0.0.0", "192.168.1.7", "192.168.1.7:8501", True),
        ("0.0.0.0", "192.168.1.7", "192.168.1.8:8501", False),
        ("0.0.0.0", "192.168.1.7", "gpu-box.lan:8501", False),
        ("0.0.0.0", "192.168.1.7", "0.0.0.0:8501", False),
        ("gpu-box.lan", "192.168.1.7", "gpu-box.lan:8501", True),
        ("gpu-box.lan", "192.168.1.7", "GPU-BOX.lan", True),
        ("gpu-box.lan", "192.168.1.7", "evil.example", False),
    ],
)
def test_who_is_served_depends_on_the_address_that_was_asked_for(
    listens_on: str, arrived_at: str, host: str, is_served: bool
) -> None:
    scope = {"type": "http", "server": (arrived_at, 8501), "headers": [(b"host", host.encode())]}
    assert answer_to(SameOrigin(PlainTextResponse("page"), host=listens_on), scope) == (200 if is_served else 403)


def test_a_request_without_a_host_is_refused() -> None:
    scope = {"type": "http", "server": ("127.0.0.1", 8501), "headers": []}
    assert answer_to(SameOrigin(PlainTextResponse("page"), host="127.0.0.1"), scope) == 403


def test_a_unix_socket_has_no_address_to_check() -> None:
    scope = {"type": "http", "server": None, "headers": [(b"host", b"localhost")]}
    assert answer_to(SameOrigin(PlainTextResponse("page"), host="127.0.0.1"), scope) == 200


def answer_to(app: SameOrigin, scope: Scope) -> int:
    """The status of one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    request = {"method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "root_path": ""} | dict(scope)
    asyncio.run(app(request, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("path", [*every_path(), "/api/nope"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert all(name in answer.headers for name in REQUIRED_HEADERS)
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_policy_allows_nothing_from_elsewhere(client: TestClient) -> None:
    policy = dict(rule.split(" ", 1) for rule in client.get("/").headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["connect-src"] == "'self' data: blob:"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["frame-ancestors"] == policy["object-src"] == "'none'"
    assert policy.pop("frame-src") == "'self' http://127.0.0.1:*", "TensorBoard's own page, on this machine only"
    assert not any("http" in rule or "*" in rule or "'unsafe-eval'" in rule for rule in policy.values())
    assert "'unsafe-inline'" not in policy["script-src"]


def test_the_policy_allows_exactly_the_inline_scripts_of_streamlits_page(client: TestClient) -> None:
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    inline = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline}
    allowed = set(re.findall(r"'sha256-([^']+)'", client.get("/").headers["content-security-policy"]))
    assert inline
    assert allowed == hashes


def test_scripts_with_a_source_need_no_hash(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_text('<script type="module" src="./a.js"></script><script async>b()</script>', encoding="utf-8")
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("x"))])
    headers = TestClient(SecurityHeaders(app, page)).get("/").headers
    expected = base64.b64encode(hashlib.sha256(b"b()").digest()).decode()
    assert re.findall(r"'sha256-([^']+)'", headers["content-security-policy"]) == [expected]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "LOCALHOST"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "gpu-box.lan", "", "localhost.evil.example"])
def test_anything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
