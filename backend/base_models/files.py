"""The files of a base model, complete and checked, before any library loads them."""

import os
from dataclasses import dataclass
from pathlib import Path

from backend.base_models.code import check_code, link_weights, private_copy
from backend.base_models.errors import ModelUnreachable, ModelUnsafe, ModelUnusable
from backend.base_models.hub import error_of, fetch_small_files, fetch_weights
from backend.domain.errors import ModelNotFound
from backend.domain.run_config import HUB_ID, BaseModelChoice
from backend.errors import StudioError
from backend.network.failures import FailureKind
from backend.network.reading import read_failure
from backend.network.retrying import Retrying

PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True, slots=True)
class BaseFiles:
    """Where the base model lies. `name` is the folder or hub id that records keep; `folder` is loaded from.

    `origin` holds the weights: the same folder, unless trusted code was copied to a private place.
    """

    name: str
    folder: Path
    origin: Path
    is_remote: bool = False
    has_code: bool = False


def locate(choice: BaseModelChoice, base: Path, retrying: Retrying | None = None) -> BaseFiles:
    """A local folder, or a commit of the hub without its weights, checked for code before anything is loaded.

    Raises ModelNotFound, ModelUnsafe, ModelUnusable, and as the modules hub and code.
    """
    path = choice.path
    folder = base / Path(path).expanduser()
    is_remote = not folder.is_dir()
    if is_remote:
        if not HUB_ID.match(path):
            raise ModelNotFound(path=path, why="There is no such folder, and it is no hub id.")
        folder = fetch_small_files(choice, retrying or Retrying())
    folder = folder.resolve()
    _check_files(path, folder, is_remote=is_remote)
    has_code = check_code(choice, folder, is_remote=is_remote)
    loaded = private_copy(choice, folder) if has_code else folder
    return BaseFiles(path if is_remote else str(folder), loaded, folder, is_remote, has_code)


def _check_files(path: str, folder: Path, *, is_remote: bool) -> None:
    if not (folder / "config.json").is_file():
        raise ModelNotFound(path=path, why="The folder has no config.json.")
    if (folder / "adapter_config.json").is_file():
        # transformers would load the model that this file names, from wherever that is
        raise ModelUnusable(path=path, why="It holds adapter_config.json: it is an adapter, not a base model.")
    if is_remote or any(folder.glob("*.safetensors")):
        return
    if any(found for pattern in PICKLES for found in folder.glob(pattern)):
        raise ModelUnsafe(path=path)
    raise ModelNotFound(path=path, why="The folder has no .safetensors weights.")


def complete(files: BaseFiles, retrying: Retrying | None = None) -> None:
    """Bring the weights to the other files. Raises as backend.base_models.hub."""
    if files.is_remote:
        fetch_weights(files.name, files.origin, retrying or Retrying())
    if files.has_code:
        link_weights(files.origin, files.folder)


def explain(source: str, error: Exception) -> StudioError:
    """What a failure of from_pretrained means; the network is the only one worth another attempt."""
    why = str(error).strip().partition("\n")[0] or type(error).__name__
    failure = read_failure(error)
    if failure is not None and failure.kind in {FailureKind.INCOMPLETE, FailureKind.DISK_FULL}:
        return error_of(failure, source)
    if os.path.isabs(source):  # noqa: PTH117 - a hub id is no path
        return ModelUnusable(path=source, why=why)
    if "not a valid model identifier" in str(error) or "gated repo" in str(error):
        return ModelNotFound(path=source, why=why)
    if failure is not None:
        return error_of(failure, source)
    if isinstance(error, OSError):
        return ModelUnreachable(path=source, why=why)
    return ModelUnusable(path=source, why=why)
