"""What a base model's own files tell about it, without loading a weight."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from backend.store.files import read_bounded
from backend.store.hub_cache import PREFIX, hub_cache
from backend.store.weight_shapes import Shapes, weight_shapes

MOST_JSON_BYTES = 20_000_000
MOST_REFERENCE_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Read from config.json and the headers of the weights. `weight_bytes` is their size on the disk.

    `is_tied`: the output head is the table of words, whether or not the files hold it twice.
    """

    folder: Path
    model_type: str
    shapes: Shapes
    weight_bytes: int
    is_tied: bool
    dtype: str


def model_facts(folder: Path) -> ModelFacts | None:
    """None for a folder without a config.json that can be read."""
    try:
        told = json.loads(read_bounded(folder / "config.json", MOST_JSON_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    model_type = str(told.get("model_type", ""))
    default = model_type.startswith("gemma")  # the libraries' own default, where the file says nothing
    return ModelFacts(
        folder=folder,
        model_type=model_type,
        shapes=weight_shapes(folder),
        weight_bytes=sum(_size(path) for path in folder.glob("*.safetensors")),
        is_tied=bool(told.get("tie_word_embeddings", default)),
        dtype=str(told.get("dtype") or told.get("torch_dtype") or ""),
    )


def model_folder(path: str, base: Path) -> Path | None:
    """The folder that a base model's path means, relative to `base` and with ~ expanded; None if there is none."""
    try:
        folder = base / Path(path).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError):  # a name that is too long, ~name of nobody
        return None


def cached_model(hub_id: str, revision: str | None) -> Path | None:
    """The folder of a model in the hub's cache, None if it was never fetched.

    The layout is the library's (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
    """
    repository = hub_cache(os.environ, Path.home()) / f"{PREFIX}{hub_id.replace('/', '--')}"
    try:
        reference = repository / "refs" / (revision or "main")
        commit = read_bounded(reference, MOST_REFERENCE_BYTES).strip() if reference.is_file() else revision or ""
        folder = repository / "snapshots" / commit
        return folder if commit and (folder / "config.json").is_file() else None
    except (OSError, ValueError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
