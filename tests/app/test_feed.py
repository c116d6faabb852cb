"""The curve feed's socket answers its own page, and nobody and nothing else."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.feed import PATH, _Viewer
from app.feed_messages import MAX_MESSAGE_CHARACTERS
from app.server import middleware, routes
from app.talks import NOT_UNDERSTOOD, TOO_BIG
from backend.containers import StudioContainer
from config.settings import Settings
from tests.fakes.board_viewer import decoded
from tests.fakes.event_bytes import append, scalar, version, write

OURS = {"host": "localhost:8000", "origin": "http://localhost:8000"}


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write(tmp_path / "logs" / "one", "1", [version(), *(scalar(step, step / 8) for step in range(20))])
    return tmp_path / "logs"


@pytest.fixture
def source(studio: StudioContainer, logs: Path) -> str:
    return f"dir:{studio.services().sources.add_directory(str(logs))}/one"


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(Settings()))
    with TestClient(app, base_url="http://localhost:8000", client=("127.0.0.1", 50_000)) as client:
        yield client


def board_of(source: str, question: int = 1, **look: object) -> dict[str, object]:
    line = {"sources": [source], "tag": "train/loss", "minus": None}
    chart = {"id": "loss", "lines": [line], "marks": [{"source": source, "step": 4}]}
    return {"kind": "board", "question": question, "charts": [chart], "look": look}


def view(question: int = 1, **other: object) -> dict[str, object]:
    return {"kind": "view", "question": question, "visible": ["loss"], "pixels": 500, "window": None} | other


def test_points_come_once_then_only_what_was_added(client: TestClient, source: str, logs: Path) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board_of(source))
        socket.send_json(view())
        notes = json.loads(socket.receive_text())
        assert (notes["marks"], notes["problems"]) == ([4.0], [])
        question, (part,) = decoded(socket.receive_bytes())
        assert question == 1
        assert part.replaces_from is None
        assert part.points.y.tolist() == [step / 8 for step in range(20)]
        append(next((logs / "one").iterdir()), scalar(20, 7.5))
        message = socket.receive_bytes()
        _, (part,) = decoded(message)
        assert (part.points.x.tolist(), part.points.y.tolist(), part.num_total) == ([20.0], [7.5], 21)
        assert len(message) < 60


def test_a_window_is_answered_with_its_part(client: TestClient, source: str) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board_of(source, smoothing=0.5))
        socket.send_json(view(window=[4.5, 7.5]))
        socket.receive_text()
        _, (part,) = decoded(socket.receive_bytes())
        assert part.points.x.tolist() == [4.0, 5.0, 6.0, 7.0, 8.0]
        assert part.points.raw is not None
        assert part.points.raw.tolist() == [step / 8 for step in range(4, 9)]


def test_a_new_question_is_answered_in_full(client: TestClient, source: str) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board_of(source))
        socket.send_json(view())
        socket.receive_text()
        socket.receive_bytes()
        socket.send_json(view(question=2))
        socket.receive_text()
        question, (part,) = decoded(socket.receive_bytes())
        assert (question, len(part.points), part.replaces_from) == (2, 20, None)


@pytest.mark.parametrize("name", ["dir:nowhere/one", "run:unknown", "dir:nowhere/../../etc", "run:../../x"])
def test_an_unknown_source_is_told_and_nothing_is_sent_of_it(
    client: TestClient, studio: StudioContainer, name: str
) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board_of(name))
        socket.send_json(view())
        notes = json.loads(socket.receive_text())
        assert notes["problems"][0].startswith(name)
        _, (part,) = decoded(socket.receive_bytes())
        assert len(part.points) == 0


@pytest.mark.parametrize("path", ["..", "../..", "one/../../secret", "/etc", "%2e%2e"])
def test_no_name_leads_out_of_a_log_directory(client: TestClient, source: str, logs: Path, path: str) -> None:
    write(logs.parent / "secret", "1", [version(), scalar(0, 1.0)])
    outside = source.removesuffix("one") + path
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board_of(outside))
        socket.send_json(view())
        assert json.loads(socket.receive_text())["problems"]
        _, (part,) = decoded(socket.receive_bytes())
        assert len(part.points) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost:8000", "origin": "http://evil.example"},
        {"host": "localhost:8000", "origin": "http://localhost:3000"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": "localhost:8000"},
    ],
)
def test_a_page_of_another_origin_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(PATH, headers=headers):
        pass
    assert refused.value.code == 1008


GOOD = board_of("run:a")
BAD: list[object] = [
    "no JSON",
    [],
    {"kind": "other", "question": 1},
    GOOD | {"extra": 1},
    GOOD | {"question": -1},
    GOOD | {"look": {"smoothing": 1.0}},
    GOOD | {"look": {"smoothing": "NaN"}},
    GOOD | {"look": {"x": "sideways"}},
    GOOD | {"charts": [{"id": "a", "lines": [{"sources": [], "tag": "a"}]}]},
    GOOD | {"charts": [{"id": "a", "lines": [{"sources": ["/etc/passwd"], "tag": "a"}]}]},
    GOOD | {"charts": [{"id": "a", "lines": [{"sources": ["dir:" + "a" * 5_000], "tag": "a"}]}]},
    GOOD | {"charts": [{"id": "a", "lines": [{"sources": ["dir:a"], "tag": "a" * 501}]}]},
    GOOD | {"charts": [{"id": "a", "lines": [], "marks": [{"source": "run:a", "step": 2**63}]}]},
    GOOD | {"charts": [{"id": "a", "lines": [], "marks": [{"source": "run:a", "step": -(2**63) - 1}]}]},
    GOOD | {"charts": [{"id": "a", "lines": [], "secret": 1}]},
    GOOD | {"charts": [{"id": "a", "lines": []}] * 1_001},
    view(pixels=0),
    view(pixels=10**9),
    view(window=[1]),
    view(window=["a", "b"]),
    view(visible=["x"] * 1_001),
]


@pytest.mark.parametrize("message", BAD)
def test_what_does_not_fit_ends_the_connection(client: TestClient, studio: StudioContainer, message: object) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_text(message if isinstance(message, str) else json.dumps(message))
        assert socket.receive()["code"] == NOT_UNDERSTOOD


def test_bytes_end_the_connection(client: TestClient, studio: StudioContainer) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_bytes(b"\0" * 8)
        assert socket.receive()["code"] == NOT_UNDERSTOOD


def test_a_message_that_is_too_long_ends_the_connection(client: TestClient, studio: StudioContainer) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_text(" " * (MAX_MESSAGE_CHARACTERS + 1))
        assert socket.receive()["code"] == TOO_BIG


def test_nobody_is_watched_for_after_the_browser_left(
    client: TestClient, studio: StudioContainer, source: str, logs: Path
) -> None:
    services = studio.services()
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board_of(source))
        socket.send_json(view())
        socket.receive_text()
        socket.receive_bytes()
        assert services.curves._watcher.is_watched(logs / "one")
        socket.send_json(view(question=2, visible=[]))
        socket.send_json(view(question=3))
        socket.receive_text()
    assert not services.curves._watcher.is_watched(logs / "one")


class Told:
    """A subscription that lets the watching side run while it is being closed."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self.is_closed = False
        self._meanwhile = meanwhile

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._meanwhile()


async def _viewer() -> _Viewer:
    return _Viewer(WebSocket({"type": "websocket"}, None, None))  # type: ignore[arg-type]


def test_leaving_while_other_sources_come_on_the_screen_ends_every_subscription(studio: StudioContainer) -> None:
    studio.services()  # made by now, so that watching need not wait for it
    viewer = asyncio.run(_viewer())
    watching = threading.Thread(target=viewer._watch)

    def meanwhile() -> None:
        if not watching.ident:
            watching.start()
            watching.join(0.3)

    told = [Told(meanwhile) for _ in range(3)]
    viewer._watched = {str(number): one for number, one in enumerate(told)}  # type: ignore[misc]
    viewer.close()
    watching.join()
    assert all(one.is_closed for one in told)
    assert not viewer._watched


def test_a_source_and_a_tag_may_have_long_and_strange_names(client: TestClient, source: str, logs: Path) -> None:
    group, deep = "g" * 255, Path(*["d" * 200] * 4) / "two\nlines"
    write(logs / deep / group, "1", [version(), scalar(0, 0.5, "t" * 200)])
    board = board_of(f"{source.removesuffix('/one')}/{deep}")
    chart = board["charts"][0]  # type: ignore[index]
    chart["lines"][0]["tag"] = chart["id"] = f"{group}/{'t' * 200}"
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(board)
        socket.send_json(view(visible=[chart["id"]]))
        assert json.loads(socket.receive_text())["problems"] == []
        _, (part,) = decoded(socket.receive_bytes())
        assert part.points.y.tolist() == [0.5]
