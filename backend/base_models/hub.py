"""Fetching a base model from the hub into its cache, commit by commit, and what a failure means."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx2
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import tqdm

from backend.base_models.errors import ModelGated, ModelUnauthorised, ModelUnreachable, ModelUnsafe
from backend.base_models.retrying import Retrying
from backend.domain.errors import ModelNotFound
from backend.domain.run_config import BaseModelChoice
from backend.errors import StudioError

COMMIT = re.compile(r"^[0-9a-f]{40}$")
SMALL = ("*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py")  # code is fetched to be read, not run
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
NOT_FOUND = 404
PASSING_CODES = frozenset({408, 425, 429, 500, 502, 503, 504})


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
        return Path(retrying.call(fetch, is_passing))
    except (OSError, httpx2.HTTPError) as error:
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


def is_passing(error: BaseException) -> bool:
    """Whether the network is to blame, or the hub for the moment: then the same call may work later."""
    for cause in _causes(error):
        if isinstance(cause, OfflineModeIsEnabled):
            return False
        if isinstance(cause, HfHubHTTPError):
            return cause.response.status_code in PASSING_CODES
        if isinstance(cause, httpx2.TransportError | ConnectionError | TimeoutError):
            return True
    return False


def explain(error: BaseException, path: str, revision: str | None) -> StudioError | None:
    """What a failed fetch means to a person; None if it has nothing to do with the hub (a full disk)."""
    taken = f"There is no folder {path}; it was taken as a hub id."
    for cause in _causes(error):
        match cause:
            case RevisionNotFoundError():
                return ModelNotFound(path=path, why=f"The hub has no revision {revision} of it. {taken}")
            case HfHubHTTPError():
                return _refused(cause, path, taken)
            case OfflineModeIsEnabled():
                return ModelUnreachable(path=path, why=f"It is not in the cache, and the studio is offline. {taken}")
            case httpx2.TransportError() | ConnectionError() | TimeoutError():
                return ModelUnreachable(path=path, why=f"{type(cause).__name__}: {cause}. {taken}")
    return None


def _refused(answer: HfHubHTTPError, path: str, taken: str) -> StudioError:
    """Without a token the hub answers 401 for private models and for names that do not exist."""
    code = answer.response.status_code
    if isinstance(answer, GatedRepoError):
        return ModelGated(path=path, why=taken)
    if code in {401, 403}:
        return ModelUnauthorised(path=path, why=taken)
    if isinstance(answer, RepositoryNotFoundError) or code == NOT_FOUND:
        return ModelNotFound(path=path, why=f"The hub does not have it. {taken}")
    return ModelUnreachable(path=path, why=f"The hub answered {code}. {taken}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from; huggingface_hub wraps the first cause."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__
