"""Hub datasets without a hub: cached copies are read, everything else is an error that says what it is."""

import errno
from pathlib import Path
from typing import Any

import pytest

from backend.data import hub
from backend.data.choice import DatasetChoice, DatasetPart
from backend.data.errors import (
    DatasetHubDiskFull,
    DatasetHubGated,
    DatasetHubMissing,
    DatasetHubOffline,
    DatasetHubProgram,
    DatasetHubRateLimited,
    DatasetHubRevisionMissing,
    DatasetHubServerFailed,
    DatasetHubTimedOut,
    DatasetHubUnauthorised,
    DatasetHubUnreachable,
)
from backend.data.inspection import inspect
from backend.data.loading import load
from backend.errors import EXIT_UNAVAILABLE
from backend.network.retrying import Retrying

pytestmark = pytest.mark.training
PART = DatasetPart(path="hub:org/name")


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody really waits between two attempts."""
    waited: list[float] = []
    monkeypatch.setattr(hub, "patience", lambda _: Retrying(sleep=waited.append, jitter=lambda _, longest: longest))
    return waited


def test_without_a_network_a_dataset_that_is_not_here_says_so(tmp_path: Path) -> None:
    choice = DatasetChoice(path="hub:peft-studio-tests/no-such-dataset", split="train", revision="main")
    for look in (lambda: load(choice, tmp_path, 1), lambda: inspect(choice, tmp_path, may_fetch=True)):
        with pytest.raises(DatasetHubOffline, match="PEFT_STUDIO_HUB_OFFLINE") as caught:
            look()
        assert caught.value.exit_code == EXIT_UNAVAILABLE


def response(status: int) -> Any:
    import httpx

    return httpx.Response(status, request=httpx.Request("GET", "https://huggingface.co/api/datasets/org/name"))


def failures() -> list[tuple[Exception, type[Exception]]]:
    from datasets.exceptions import DatasetNotFoundError
    from huggingface_hub import errors

    def caused(error: Exception, cause: Exception) -> Exception:
        error.__cause__ = cause
        return error

    missing = DatasetNotFoundError("Dataset 'org/name' doesn't exist on the Hub or cannot be accessed.")
    gated = errors.GatedRepoError("gated", response=response(403))
    hidden = errors.RepositoryNotFoundError("hidden", response=response(401))
    absent = errors.RepositoryNotFoundError("absent", response=response(404))
    return [
        (caused(DatasetNotFoundError("gated"), gated), DatasetHubGated),
        (caused(DatasetNotFoundError("x"), hidden), DatasetHubUnauthorised),
        (caused(missing, absent), DatasetHubMissing),
        (errors.RevisionNotFoundError("no such revision", response=response(404)), DatasetHubRevisionMissing),
        (ConnectionError("Couldn't reach 'org/name' on the Hub"), DatasetHubUnreachable),
        (errors.HfHubHTTPError("busy", response=response(503)), DatasetHubServerFailed),
        (errors.HfHubHTTPError("slow down", response=response(429)), DatasetHubRateLimited),
        (TimeoutError("the read timed out"), DatasetHubTimedOut),
        (OSError(errno.ENOSPC, "No space left on device"), DatasetHubDiskFull),
        (ValueError("BuilderConfig 'x' not found. Available: ['a']"), DatasetHubMissing),
        (ValueError("Unknown split \"x\". Should be one of ['train']."), DatasetHubMissing),
        (RuntimeError("Dataset scripts are no longer supported, but found name.py"), DatasetHubProgram),
    ]


def test_every_failure_of_the_hub_has_its_own_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for error, meant in failures():

        def fail(_: DatasetPart, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(hub, "_fetch", fail)
        with pytest.raises(meant, match="hub:org/name") as caught:
            load(DatasetChoice(path="hub:org/name"), tmp_path, 1)
        assert type(caught.value) is meant


def test_only_what_passes_by_itself_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, waits: list[float]
) -> None:
    for error, meant in failures():
        calls: list[str] = []

        def fail(_: DatasetPart, error: Exception = error, calls: list[str] = calls) -> Any:
            calls.append("")
            raise error

        monkeypatch.setattr(hub, "_fetch", fail)
        with pytest.raises(meant):
            load(DatasetChoice(path="hub:org/name"), tmp_path, 1)
        passing = (DatasetHubUnreachable, DatasetHubServerFailed, DatasetHubRateLimited, DatasetHubTimedOut)
        assert len(calls) == (5 if meant in passing else 1), meant
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]


def test_what_is_no_fault_of_the_hub_stays_what_it_is() -> None:
    assert hub.explain(PART, KeyboardInterrupt()) is None
    assert hub.explain(PART, AssertionError("ours")) is None


def test_a_dataset_of_the_library_is_read_mapped_and_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real builder on a local folder of files; only the address differs from one on the hub."""
    import datasets

    folder = tmp_path / "repository"
    folder.mkdir()
    for split, words in (("train", ["a", "b", "c"]), ("test", ["d"])):
        (folder / f"{split}.jsonl").write_text("".join(f'{{"text": "{word}"}}\n' for word in words))
    honest = datasets.load_dataset_builder

    def local(_: str, **options: Any) -> Any:
        assert options == {"name": None, "revision": "v1"}
        return honest(str(folder), cache_dir=str(tmp_path / "hub"))

    monkeypatch.setattr(datasets, "load_dataset_builder", local)
    choice = DatasetChoice(path="hub:org/name", revision="v1", validation_split="test")
    loaded = load(choice, tmp_path, 1)
    assert [example.text for example in loaded.train] == ["a", "b", "c"]  # type: ignore[union-attr]
    assert [example.text for example in loaded.validation] == ["d"]  # type: ignore[union-attr]
    summary = inspect(choice, tmp_path, may_fetch=True)
    assert (summary.num_rows, summary.fingerprint) == (3, loaded.fingerprint)
    assert summary.size_bytes > 0
    with pytest.raises(DatasetHubMissing, match="elsewhere"):
        load(DatasetChoice(path="hub:org/name", revision="v1", split="elsewhere"), tmp_path, 1)
