"""The watch's socket says once that a page shows something old, and nothing while it does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app.marks import READING, MarkKind, mark_of
from app.server import middleware, routes
from app.talks import NOT_UNDERSTOOD, TOO_BIG
from app.watch import MAX_CHARACTERS, PATH
from backend.containers import StudioContainer
from backend.domain.states import RunState
from backend.services.bundle import Services
from backend.services.jobs import Job
from config.settings import Settings
from tests.fakes.event_bytes import append, scalar, version, write
from tests.fakes.runs import a_run

OURS = {"host": "localhost:8000", "origin": "http://localhost:8000"}


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(Settings()))
    with TestClient(app, base_url="http://localhost:8000", client=("127.0.0.1", 50_000)) as client:
        yield client


@pytest.fixture
def waiting(studio: StudioContainer, services: Services) -> list[str]:
    for run_id in ("work", "first", "second"):
        state = RunState.RUNNING if run_id == "work" else RunState.CREATED
        run_dir = studio.settings().runs_folder / run_id
        run_dir.mkdir(parents=True)
        studio.store().create(a_run(run_id, state=state, run_dir=run_dir))
    services.processes.reconcile()
    return [run.id for run in services.queue.waiting().line]


def asked(kind: MarkKind, mark: str, *of: str) -> dict[str, object]:
    return {"kind": kind, "mark": mark, "of": of}


def test_a_page_that_shows_an_older_queue_is_told_once(
    client: TestClient, services: Services, waiting: list[str]
) -> None:
    old = mark_of(services, MarkKind.QUEUE).text
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(asked(MarkKind.QUEUE, old))
        services.queue.move(waiting[1], 1)
        assert socket.receive_text() == "changed"
        socket.send_json(asked(MarkKind.QUEUE, mark_of(services, MarkKind.QUEUE).text))
        services.queue.move(waiting[0], 1)
        assert socket.receive_text() == "changed"


def test_only_the_newest_question_is_answered(client: TestClient, services: Services, waiting: list[str]) -> None:
    now = mark_of(services, MarkKind.QUEUE).text
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_json(asked(MarkKind.QUEUE, "something old"))
        socket.send_json(asked(MarkKind.QUEUE, now))
        services.queue.move(waiting[1], 1)
        assert socket.receive_text() == "changed"


def test_the_mark_of_the_queue_is_of_what_is_seen(services: Services, waiting: list[str]) -> None:
    before = mark_of(services, MarkKind.QUEUE)
    assert mark_of(services, MarkKind.QUEUE) == before
    assert mark_of(services, MarkKind.QUEUE, (READING,)).next_seconds == before.next_seconds
    services.queue.hold(waiting[0])
    assert mark_of(services, MarkKind.QUEUE) != before


def test_the_mark_of_curves_changes_with_a_tag_and_with_a_state_but_not_with_a_point(
    studio: StudioContainer, services: Services, tmp_path: Path
) -> None:
    write(tmp_path / "logs" / "one", "1", [version(), *(scalar(step, 1.0) for step in range(3))])
    source = f"dir:{services.sources.add_directory(str(tmp_path / 'logs'))}/one"
    run_dir = studio.settings().runs_folder / "a-run"
    run_dir.mkdir(parents=True)
    studio.store().create(a_run("a-run", run_dir=run_dir))
    of = (source, "run:a-run")
    before = mark_of(services, MarkKind.CURVES, of)
    (file,) = (tmp_path / "logs" / "one").iterdir()
    append(file, scalar(3, 2.0))
    assert mark_of(services, MarkKind.CURVES, of) == before
    append(file, scalar(3, 2.0, "eval/loss"))
    with_tag = mark_of(services, MarkKind.CURVES, of)
    assert with_tag != before
    services.queue.hold("a-run")
    assert mark_of(services, MarkKind.CURVES, of) != with_tag


def test_the_mark_of_jobs_follows_their_progress(services: Services) -> None:
    none = mark_of(services, MarkKind.JOBS)

    def work(job: Job) -> None:
        job.tell("half of it", 0.5)
        seen.append(mark_of(services, MarkKind.JOBS).text)
        job.tell("more of it", 0.75)
        seen.append(mark_of(services, MarkKind.JOBS).text)

    seen: list[str] = []
    services.dataset_desk.jobs.start(("datasets", "test"), "A job", work).wait(60)
    assert len({none.text, *seen}) == 3
    assert mark_of(services, MarkKind.JOBS) == none


@pytest.mark.parametrize(
    "message",
    ["", "{}", '{"kind": "everything", "mark": ""}', '{"kind": "curves", "mark": "", "of": ["/etc/passwd"]}'],
)
def test_nonsense_is_refused(client: TestClient, message: str) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_text(message)
        with pytest.raises(WebSocketDisconnect) as left:
            socket.receive_text()
    assert left.value.code == NOT_UNDERSTOOD


def test_a_message_without_end_is_refused(client: TestClient) -> None:
    with client.websocket_connect(PATH, headers=OURS) as socket:
        socket.send_text("x" * (MAX_CHARACTERS + 1))
        with pytest.raises(WebSocketDisconnect) as left:
            socket.receive_text()
    assert left.value.code == TOO_BIG


@pytest.mark.parametrize(
    "headers", [{"host": "localhost:8000"}, OURS | {"origin": "http://evil.example"}, OURS | {"host": "evil.example"}]
)
def test_pages_of_others_are_told_nothing(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(PATH, headers=headers):
        pass
