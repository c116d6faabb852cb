"""The HTTP interface tells what the services tell, as JSON, and changes nothing."""

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.runtime import use_container
from app.server import routes
from backend.domain.heartbeat import Heartbeat, Phase
from backend.errors import StorageError
from backend.methods import Method
from backend.spec import members
from tests.fakes.dashboard import FakeContainer, FakeServices, a_view

PATHS = ("/health", "/dependencies", "/peft/algorithms", "/startup/status", "/runs", "/runs/a-run")


@pytest.fixture
def services() -> Iterator[FakeServices]:
    container = FakeContainer()
    container.the_services.status.views = {"a-run": a_view()}
    use_container(container)
    yield container.the_services
    use_container(None)


@pytest.fixture
def client(services: FakeServices) -> TestClient:
    app = Starlette(routes=routes())
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def test_health_answers_without_asking_any_service(client: TestClient) -> None:
    use_container(None)
    body = client.get("/api/health").json()
    assert set(body) == {"status", "timestamp", "version", "pid"}
    assert body["status"] == "ok"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(body["timestamp"])).total_seconds()) < 60
    assert (body["version"], body["pid"]) == ("0.1.0", os.getpid())


def test_dependencies_have_the_agreed_fields(client: TestClient) -> None:
    assert client.get("/api/dependencies").json() == {
        "python_version": "3.11.7",
        "torch_available": True,
        "cuda_available": False,
        "transformers_version": None,
        "peft_version": None,
        "unsloth_available": False,
        "missing_packages": ["peft"],
    }


def test_every_method_is_an_algorithm_with_its_parameters(client: TestClient) -> None:
    algorithms = client.get("/api/peft/algorithms").json()["algorithms"]
    assert [one["id"] for one in algorithms] == [spec.spec_name() for spec in members(Method)]
    assert {"lora", "qlora", "dora", "pissa", "rslora"} <= {one["id"] for one in algorithms}
    for one in algorithms:
        assert one["name"]
        assert one["description"]
        knobs = {parameter["name"] for parameter in one["parameters"]}
        assert {"rank", "alpha", "dropout"} <= knobs or one["id"] not in ("lora", "qlora", "dora", "pissa", "rslora")
        assert all(parameter["help"] and parameter["kind"] for parameter in one["parameters"])


def test_lora_and_qlora_are_the_recommended_ones(client: TestClient) -> None:
    algorithms = client.get("/api/peft/algorithms").json()["algorithms"]
    recommended = {one["id"] for one in algorithms if one["recommended"]}
    assert recommended & {"lora", "qlora", "dora", "pissa", "rslora"} == {"lora", "qlora"}


def test_startup_status_is_what_starting_took(client: TestClient, services: FakeServices) -> None:
    services.startup.record("imports", 1.5)
    services.startup.finish()
    body = client.get("/api/startup/status").json()
    assert body["ready"] is True
    assert body["total_seconds"] == 1.5


def test_runs_are_listed_and_shown(client: TestClient) -> None:
    listed = client.get("/api/runs").json()["runs"]
    assert [run["id"] for run in listed] == ["a-run"]
    assert client.get("/api/runs/a-run").json() == listed[0]


def test_a_loss_that_is_no_number_becomes_null(client: TestClient, services: FakeServices) -> None:
    beat = Heartbeat("token", 1, 123, Phase.TRAINING, 5, 10, at=0.0, loss=float("nan"))
    services.status.views["a-run"] = a_view(heartbeat=beat)
    assert client.get("/api/runs/a-run").json()["loss"] is None


@pytest.mark.parametrize("run_id", ["absent", "..", "%2e%2e", "a%00b", "x" * 5000, "ä", "<script>"])
def test_an_unknown_run_is_an_explained_404(client: TestClient, run_id: str) -> None:
    answer = client.get(f"/api/runs/{run_id}")
    assert answer.status_code == 404
    assert {"id", "what", "why", "fix", "at"} <= set(answer.json()["error"])


@pytest.mark.parametrize("path", ["/api/", "/api/nope", "/api/runs/a/b", "/api/../etc", "/api/health/x"])
def test_an_unknown_path_is_a_json_404(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json" or path == "/api/../etc"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_no_path_takes_anything_but_reading(client: TestClient, path: str, method: str) -> None:
    answer = client.request(method, f"/api{path}")
    assert answer.status_code == 405
    assert answer.json()["error"]["id"] == "method-not-allowed"
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_json_that_nobody_keeps(client: TestClient, path: str) -> None:
    answer = client.get(f"/api{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    json.loads(answer.text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


def test_an_error_of_a_service_is_explained(client: TestClient, services: FakeServices) -> None:
    services.status.failure = StorageError()
    answer = client.get("/api/runs")
    assert answer.status_code == 500
    assert answer.json()["error"]["id"] == "storage"


def test_an_unexpected_error_tells_no_secrets(client: TestClient, services: FakeServices) -> None:
    services.status.failure = RuntimeError("/home/someone/secret hf_abcdef")
    answer = client.get("/api/runs")
    assert answer.status_code == 500
    assert answer.json()["error"]["id"] == "studio-error"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_a_container_that_cannot_be_built_is_explained(client: TestClient) -> None:
    use_container(FakeContainer(failure=StorageError()))
    assert client.get("/api/runs").json()["error"]["id"] == "storage"
    assert client.get("/api/health").status_code == 200


def test_asking_everything_imports_no_training_library(client: TestClient) -> None:
    heavy = {"torch", "transformers", "peft", "bitsandbytes"}
    before = heavy & set(sys.modules)
    for path in PATHS:
        client.get(f"/api{path}")
    assert heavy & set(sys.modules) == before
