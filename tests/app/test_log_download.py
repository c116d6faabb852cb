"""The whole log of an attempt over HTTP: all of its parts in order, as a file, and nothing else of the disk."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app import log_download
from app.server import routes
from backend.containers import StudioContainer
from backend.domain.run_directory import RunDirectory
from backend.services.bundle import Services
from backend.store import log_files
from tests.fakes.told_runs import add_run


@pytest.fixture
def folder(studio: StudioContainer, services: Services) -> RunDirectory:
    return RunDirectory(add_run(studio, "a-run").run_dir)


@pytest.fixture
def client(folder: RunDirectory) -> TestClient:
    app = Starlette(routes=routes())
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def test_it_comes_whole_in_pieces_and_as_a_file(
    client: TestClient, folder: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_download, "PIECE_BYTES", 10)
    for part, text in zip(
        log_files.parts(folder.log(1)), ("the beginning\n", "the middle\n", "the \xe4nd\n"), strict=True
    ):
        part.write_text(text, encoding="utf-8")
    answer = client.get("/api/runs/a-run/log")
    assert answer.text == "the beginning\nthe middle\nthe \xe4nd\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="a-run-attempt-001.log"'
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get("/api/runs/a-run/log?attempt=1").text == answer.text


@pytest.mark.parametrize("attempt", ["0", "2", "-1", "../../../etc/passwd", "1/../2", "x", "9" * 40, "\u0661"])
def test_what_is_no_attempt_is_refused(client: TestClient, folder: RunDirectory, attempt: str) -> None:
    folder.log(1).write_text("secret\n")
    answer = client.get("/api/runs/a-run/log", params={"attempt": attempt})
    assert (answer.status_code, answer.json()["error"]["id"]) == (404, "log-not-found")


def test_an_unknown_run_and_a_log_that_is_gone_are_explained(client: TestClient) -> None:
    assert client.get("/api/runs/no-run/log").json()["error"]["id"] == "run-not-found"
    assert client.get("/api/runs/a-run/log").json()["error"]["id"] == "log-not-found"
