"""Fetching a base model from the hub into its cache, commit by commit, and what a failure means."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.utils.tqdm import tqdm

from backend.base_models.errors import (
    ModelDiskFull,
    ModelGated,
    ModelIncomplete,
    ModelInsecure,
    ModelOffline,
    ModelProxyRefused,
    ModelRateLimited,
    ModelRevisionMissing,
    ModelServerFailed,
    ModelTimedOut,
    ModelUnauthorised,
    ModelUnreachable,
    ModelUnsafe,
)
from backend.domain.errors import ModelNotFound
from backend.domain.run_config import BaseModelChoice
from backend.errors import StudioError
from backend.network.failures import Failure, FailureKind
from backend.network.reading import read_failure
from backend.network.retrying import Retrying

COMMIT = re.compile(r"^[0-9a-f]{40}$")
SMALL = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py")  # code is fetched to be read, not run
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"


def fetch_small_files(choice: BaseModelChoice, retrying: Retrying) -> Path:
    """The folder of a commit with everything but the weights. Raises as `explain`."""
    return _fetch(choice.path, choice.revision, SMALL, retrying)


def fetch_weights(path: str, folder: Path, retrying: Retrying) -> None:
    """Add the .safetensors of the same commit. Raises as `explain`, and ModelUnsafe if there are none."""
    shards = (WEIGHTS,)
    if (folder / INDEX).is_file():
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        shards = tuple(sorted(set(index["weight_map"].values())))
    _fetch(path, folder.name, shards, retrying)
    if not all((folder / shard).is_file() for shard in shards):
        raise ModelUnsafe(path=path)


def _fetch(path: str, revision: str | None, patterns: Sequence[str], retrying: Retrying) -> Path:
    """The folder of the commit in the hub's cache; its name is the commit."""

    def fetch() -> str:
        # files in subfolders belong to other tools (onnx/, original/, gguf/)
        found = snapshot_download(
            path,
            revision=revision,
            allow_patterns=list(patterns),
            ignore_patterns=["*/*"],
            tqdm_class=_looking_up(retrying.check),
        )
        return str(found)

    try:
        return Path(retrying.call(fetch, read_failure))
    except Exception as error:
        if (known := explain(error, path, revision)) is not None:
            raise known from error
        raise


def _looking_up(check: Callable[[], None]) -> type[tqdm]:
    """A progress bar that ends the download with what `check` raises.

    huggingface_hub tells it of every 10 MB; a connection that says nothing is given up after about a minute, see
    docs/how-to/base-models.md. What was fetched so far is kept, and the next download goes on from there.
    """

    class Looking(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            check()
            told: bool | None = super().update(n)
            return told

    return Looking


def explain(error: BaseException, path: str, revision: str | None) -> StudioError | None:
    """What a failed fetch means to a person; None if it has nothing to do with fetching."""
    failure = read_failure(error)
    if failure is None:
        return None
    taken = f"There is no folder {path}; it was taken as a hub id."
    return error_of(failure, path, revision, taken)


def error_of(failure: Failure, path: str, revision: str | None = None, taken: str = "") -> StudioError:
    """The error of a kind of failure, with the words of the library."""
    match failure.kind:
        case FailureKind.REVISION:
            return ModelRevisionMissing(path=path, revision=revision, why=taken)
        case FailureKind.MISSING:
            return ModelNotFound(path=path, why=f"The hub does not have it. {taken}".rstrip())
        case FailureKind.RATE_LIMITED:
            return ModelRateLimited(path=path, wait=_wait(failure), why=taken)
    why = {
        FailureKind.GATED: taken,
        FailureKind.UNAUTHORISED: taken,
        FailureKind.OFFLINE: f"It is not in the cache, and the studio is offline. {taken}",
        FailureKind.SERVER: f"The hub answered {failure.status or failure.said}. {taken}",
    }.get(failure.kind, f"{failure.said}. {taken}")
    return _ERRORS[failure.kind](path=path, why=why.rstrip())


def _wait(failure: Failure) -> str:
    seconds = failure.retry_after_seconds
    return f"for {seconds:g} seconds, as it asks" if seconds is not None else "for some minutes"


_ERRORS: dict[FailureKind, type[StudioError]] = {
    FailureKind.OFFLINE: ModelOffline,
    FailureKind.UNREACHABLE: ModelUnreachable,
    FailureKind.TIMEOUT: ModelTimedOut,
    FailureKind.INSECURE: ModelInsecure,
    FailureKind.PROXY: ModelProxyRefused,
    FailureKind.SERVER: ModelServerFailed,
    FailureKind.GATED: ModelGated,
    FailureKind.UNAUTHORISED: ModelUnauthorised,
    FailureKind.DISK_FULL: ModelDiskFull,
    FailureKind.INCOMPLETE: ModelIncomplete,
}
