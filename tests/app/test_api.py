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
from backend.containers import StudioContainer
from backend.domain.cuda_truth import CudaTruth
from backend.domain.curves import Curves, Damage
from backend.domain.heartbeat import Heartbeat, Phase
from backend.errors import StorageError
from backend.methods import Method
from backend.spec import members
from tests.fakes.curves import a_series
from tests.fakes.dashboard import FakeContainer, FakeServices, a_view
from tests.fakes.event_bytes import scalar, version, write
from tests.fakes.machines import says_cuda
from tests.fakes.runs import a_run

PATHS = (
    "/health",
    "/dependencies",
    "/machine",
    "/peft/algorithms",
    "/startup/status",
    "/errors",
    "/errors/run-not-found",
    "/runs",
    "/runs/a-run",
    "/runs/a-run/curves",
)


@pytest.fixture
def services() -> Iterator[FakeServices]:
    container = FakeContainer()
    container.the_services.status.views = {"a-run": a_view()}
    series = {
        "train/loss": a_series("train/loss", [1, 2, 3, 4], [0.5, float("nan"), float("inf"), float("-inf")]),
        "ä/<b>&?": a_series("ä/<b>&?", [2**60], [0.1]),
        "empty": a_series("empty", [], []),
    }
    container.the_services.sources.found = {"run:a-run": Curves(1, series, (Damage("events.1", 5, 9),))}
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


def test_the_curves_of_a_run_are_listed_with_their_last_points(client: TestClient) -> None:
    assert client.get("/api/runs/a-run/curves").json() == {
        "run": "a-run",
        "curves": [
            {"tag": "train/loss", "num_points": 4, "last": {"step": 4, "value": "-Infinity", "wall_time": 1004.0}},
            {"tag": "ä/<b>&?", "num_points": 1, "last": {"step": 2**60, "value": 0.1, "wall_time": 1000.0 + 2**60}},
        ],
        "damage": [{"file": "events.1", "first_byte": 5, "last_byte": 9}],
    }


def test_the_points_of_one_curve_are_three_lists_and_no_number_is_lost(client: TestClient) -> None:
    assert client.get("/api/runs/a-run/curves", params={"tag": "train/loss"}).json() == {
        "run": "a-run",
        "tag": "train/loss",
        "steps": [1, 2, 3, 4],
        "values": [0.5, "NaN", "Infinity", "-Infinity"],
        "wall_times": [1001.0, 1002.0, 1003.0, 1004.0],
    }
    assert client.get("/api/runs/a-run/curves", params={"tag": "ä/<b>&?"}).json()["steps"] == [2**60]


def test_the_curves_of_a_real_run_come_from_its_event_files(studio: StudioContainer) -> None:
    folder = studio.settings().runs_folder / "real"
    studio.store().create(a_run("real", run_dir=folder))
    client = TestClient(Starlette(routes=routes()), base_url="http://localhost")
    assert client.get("/api/runs/real/curves").json() == {"run": "real", "curves": [], "damage": []}
    write(folder / "tensorboard", "1", [version(), scalar(1, 0.5), scalar(2, float("nan"))])
    (curve,) = client.get("/api/runs/real/curves").json()["curves"]
    assert curve["last"] == {"step": 2, "value": "NaN", "wall_time": 1002.0}
    assert client.get("/api/runs/real/curves?tag=train/loss").json()["values"] == [0.5, "NaN"]
    assert client.get("/api/runs/unreal/curves").status_code == 404


@pytest.mark.parametrize("tag", ["absent", "", "train", "x" * 2_000])
def test_an_unknown_curve_is_an_explained_404(client: TestClient, tag: str) -> None:
    answer = client.get("/api/runs/a-run/curves", params={"tag": tag})
    assert answer.status_code == 404
    assert answer.json()["error"]["id"] == "curve-not-found"
    assert "train/loss" in answer.json()["error"]["why"]


def test_the_curves_of_an_unknown_run_are_an_explained_404(client: TestClient) -> None:
    answer = client.get("/api/runs/absent/curves")
    assert answer.status_code == 404
    assert answer.json()["error"]["id"] == "fake-run-unknown"


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


def test_the_catalogue_of_errors_is_told_whole_and_one_by_one(client: TestClient) -> None:
    everything = {entry["id"]: entry for entry in client.get("/api/errors").json()["errors"]}
    one = client.get("/api/errors/run-not-found").json()
    assert everything["run-not-found"] == one
    assert one["fix"].startswith("Look at the list of runs")
    assert (one["action"], one["page"]) == ("open-runs", "docs/troubleshooting.md#run-not-found")


def test_an_unknown_error_is_a_404_that_names_similar_ones(client: TestClient) -> None:
    answer = client.get("/api/errors/run-not-fond")
    assert answer.status_code == 404
    assert "run-not-found" in answer.json()["error"]["why"]


def test_the_machine_is_told_with_what_torch_said_or_null(services: FakeServices, client: TestClient) -> None:
    told = client.get("/api/machine").json()
    assert told["torch"] is None
    assert told["hardware"]["cpu"]["model"] == "Test CPU"
    assert datetime.fromisoformat(told["hardware"]["at"]).tzinfo is not None
    services.cuda_truth.said = CudaTruth(**says_cuda("NVIDIA H200").model_dump(), asked_at=datetime.now(UTC))
    told = client.get("/api/machine").json()["torch"]
    assert told["devices"][0]["name"] == "NVIDIA H200"
    assert told["computes"] is True
