"""Fetching a base model from a hub on a real socket: what is tried again, and what each refusal means."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.base_models.errors import (
    ModelGated,
    ModelInsecure,
    ModelRateLimited,
    ModelUnauthorised,
    ModelUnreachable,
    ModelUnsafe,
)
from backend.base_models.hub import fetch_small_files, fetch_weights
from backend.domain.errors import ModelNotFound
from backend.domain.run_config import BaseModelChoice
from backend.errors import StudioError
from backend.network.reading import read_failure
from backend.network.retrying import Retrying
from tests.fakes.hub_server import COMMIT, FakeHub, serving

RESOLVE = "/{repo_id}/resolve/{revision}/{filename}"
CHOICE = BaseModelChoice(path="org/tiny")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    folder = tmp_path / "served"
    (folder / "onnx").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "modeling.py", "pytorch_model.bin", "onnx/config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    with serving(FakeHub(folder)) as served:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.url)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", served.url + RESOLVE)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield served


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def retrying(waits: list[float]) -> Retrying:
    return Retrying(sleep=waits.append, clock=lambda: 0.0, jitter=lambda _, longest: longest)


def refused(hub: FakeHub, retrying: Retrying, *answers: tuple[int, dict[str, str]]) -> StudioError:
    hub.answers = list(answers)
    with pytest.raises(StudioError) as caught:
        fetch_small_files(CHOICE, retrying)
    return caught.value


def test_everything_but_weights_pickles_and_other_tools_files_comes_first(hub: FakeHub, retrying: Retrying) -> None:
    folder = fetch_small_files(CHOICE, retrying)

    assert folder.name == COMMIT
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "modeling.py", "tokenizer.json"]


def test_weights_come_from_the_same_commit(hub: FakeHub, retrying: Retrying) -> None:
    folder = fetch_small_files(CHOICE, retrying)
    hub.calls.clear()

    fetch_weights("org/tiny", folder, retrying)

    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert hub.calls
    assert all(COMMIT in call for call in hub.calls)


def test_only_the_shards_of_the_index_are_fetched(hub: FakeHub, retrying: Retrying) -> None:
    (hub.folder / "model.safetensors").rename(hub.folder / "part-1.safetensors")
    (hub.folder / "consolidated.safetensors").write_bytes(b"the same again")
    index = {"weight_map": {"a": "part-1.safetensors", "b": "part-1.safetensors"}}
    (hub.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    folder = fetch_small_files(CHOICE, retrying)

    fetch_weights("org/tiny", folder, retrying)

    assert [path.name for path in folder.glob("*.safetensors")] == ["part-1.safetensors"]


def test_a_model_of_pickles_only_is_refused(hub: FakeHub, retrying: Retrying) -> None:
    (hub.folder / "model.safetensors").unlink()
    folder = fetch_small_files(CHOICE, retrying)

    with pytest.raises(ModelUnsafe):
        fetch_weights("org/tiny", folder, retrying)

    assert not list(folder.glob("*.bin"))


@pytest.mark.parametrize("status", [0, 429, 500, 503, 504])
def test_a_fault_that_passes_is_tried_again(hub: FakeHub, retrying: Retrying, waits: list[float], status: int) -> None:
    hub.answers = [(status, {}), (status, {})]

    assert (fetch_small_files(CHOICE, retrying) / "config.json").is_file()

    assert waits == [2.0, 4.0]


def test_after_five_attempts_the_hub_counts_as_unreachable(
    hub: FakeHub, retrying: Retrying, waits: list[float]
) -> None:
    error = refused(hub, retrying, *[(503, {})] * 99)

    assert isinstance(error, ModelUnreachable)
    assert "503" in str(error)
    assert waits == [2.0, 4.0, 8.0, 16.0]
    assert len(hub.calls) == 5


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (401, {}, ModelUnauthorised),
        (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, ModelUnauthorised),
        (403, {}, ModelUnauthorised),
        (403, {"X-Error-Code": "GatedRepo"}, ModelGated),
        (404, {"X-Error-Code": "RepoNotFound"}, ModelNotFound),
        (404, {"X-Error-Code": "RevisionNotFound"}, ModelNotFound),
    ],
)
def test_a_refusal_is_never_tried_again_and_has_its_own_words(
    hub: FakeHub, retrying: Retrying, waits: list[float], status: int, headers: dict[str, str], kind: type[StudioError]
) -> None:
    error = refused(hub, retrying, (status, headers))

    assert isinstance(error, kind)
    assert "There is no folder org/tiny; it was taken as a hub id." in error.explain().why
    assert waits == []


def test_the_hub_is_left_alone_as_long_as_it_asks(hub: FakeHub, retrying: Retrying, waits: list[float]) -> None:
    hub.answers = [(429, {"Retry-After": "7"}), (503, {"Retry-After": "1"})]

    assert (fetch_small_files(CHOICE, retrying) / "config.json").is_file()

    assert waits == [7.0, 4.0]


def test_a_wait_beyond_our_patience_is_told_instead(hub: FakeHub, retrying: Retrying, waits: list[float]) -> None:
    error = refused(hub, retrying, (429, {"Retry-After": "7200"}))

    assert isinstance(error, ModelRateLimited)
    assert "Wait for 7200 seconds, as it asks" in error.explain().fix
    assert waits == []


def test_a_server_that_cannot_prove_who_it_is_gets_one_request(
    hub: FakeHub, retrying: Retrying, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url.replace("http:", "https:"))

    assert isinstance(refused(hub, retrying), ModelInsecure)
    assert waits == []


def test_a_server_that_says_nothing_is_unreachable(
    hub: FakeHub, retrying: Retrying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")

    assert isinstance(refused(hub, retrying), ModelUnreachable)


def test_what_is_in_the_cache_needs_no_hub(
    hub: FakeHub, retrying: Retrying, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch_small_files(CHOICE, retrying)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")

    assert fetch_small_files(CHOICE, retrying) == folder
    assert waits == []


def test_offline_is_said_and_not_tried_again(
    hub: FakeHub, retrying: Retrying, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    error = refused(hub, retrying)

    assert isinstance(error, ModelUnreachable)
    assert "offline" in str(error)
    assert (waits, hub.calls) == ([], [])


def test_waiting_ends_when_the_time_is_over() -> None:
    now = [0.0]
    calls: list[float] = []

    def fail() -> None:
        calls.append(now[0])
        raise TimeoutError

    def sleep(seconds: float) -> None:
        now[0] += seconds

    retrying = Retrying(max_seconds=5.0, sleep=sleep, clock=lambda: now[0], jitter=lambda _, longest: longest)
    with pytest.raises(TimeoutError):
        retrying.call(fail, read_failure)

    assert calls == [0.0, 2.0]  # the third would begin after 6 seconds


def test_waits_differ_between_processes_without_touching_the_global_random_state() -> None:
    import random

    before = random.getstate()

    drawn = {Retrying().jitter(0.0, 1.0) for _ in range(5)}

    assert len(drawn) == 5
    assert random.getstate() == before


class Enough(Exception):
    """Somebody asked to stop."""


def test_a_download_ends_when_somebody_asks_to_stop_and_goes_on_later(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1_000)
    (hub.folder / "model.safetensors").write_bytes(bytes(range(200)) * 1_000)
    folder = fetch_small_files(CHOICE, Retrying())
    num_looks = 0

    def check() -> None:
        nonlocal num_looks
        num_looks += 1
        if num_looks >= 5:
            raise Enough

    hub.calls.clear()
    with pytest.raises(Enough):
        fetch_weights("org/tiny", folder, Retrying.watched(check))
    assert num_looks < 20
    assert len([call for call in hub.calls if call.startswith("GET") and "safetensors" in call]) == 1
    assert not (folder / "model.safetensors").exists()

    fetch_weights("org/tiny", folder, Retrying())
    assert (folder / "model.safetensors").read_bytes() == (hub.folder / "model.safetensors").read_bytes()


def test_a_wait_between_two_attempts_ends_when_somebody_asks_to_stop(hub: FakeHub) -> None:
    num_looks = 0

    def check() -> None:
        nonlocal num_looks
        num_looks += 1
        if num_looks >= 2:
            raise Enough

    patient = Retrying.watched(check)
    with pytest.raises(Enough):
        patient.sleep(60.0)
