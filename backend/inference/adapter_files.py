"""The files of an adapter or of trained weights: whether they are there, and what a checkpoint with a start is."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from backend.inference.errors import AdapterNotFound
from backend.methods.doubling import beside_its_start
from backend.methods.whole import TRAINED

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
START = "start.safetensors"  # in checkpoints of PiSSA and other starts: the adapter before the first step

Mark = tuple[str, int, int]


def mark(folder: Path) -> Mark:
    """Identifies an adapter, or trained weights, and its present content: path, modification time in ns, bytes.

    Raises AdapterNotFound unless the folder has safetensors weights: pickled ones are never loaded.
    """
    needed = (TRAINED,) if holds_trained_weights(folder) else (CONFIG, WEIGHTS)
    for name in needed:
        if not (folder / name).is_file():
            raise AdapterNotFound(path=folder, missing=name)
    stat = (folder / needed[-1]).stat()
    return str(folder), stat.st_mtime_ns, stat.st_size


def holds_trained_weights(folder: Path) -> bool:
    """Whether it is a checkpoint with weights of the model itself; beside an adapter that file is a part of it."""
    return (folder / TRAINED).is_file() and not (folder / WEIGHTS).is_file()


@contextmanager
def loadable(folder: Path) -> Iterator[Path]:
    """The folder itself, or a temporary one with what a checkpoint amounts to if its start was taken out of the base.

    Such a checkpoint belongs on the base weights minus its start: W - s B0 A0 + s B A. The same on W is the
    adapter [A; A0], [B, -B0] of twice the rank.
    """
    if not (folder / START).is_file():
        yield folder
        return
    tensors, start = load_file(folder / WEIGHTS), load_file(folder / START)
    for name, tensor in start.items():
        if "lora_A" not in name and "lora_B" not in name:
            continue
        dim, sign = (0, 1) if "lora_A" in name else (1, -1)
        tensors[name] = torch.cat([tensors[name], sign * tensor], dim=dim)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    config = beside_its_start(config)
    with tempfile.TemporaryDirectory(prefix="peft-studio-") as temporary:
        (Path(temporary) / CONFIG).write_text(json.dumps(config), encoding="utf-8")
        save_file(tensors, Path(temporary) / WEIGHTS, metadata={"format": "pt"})
        yield Path(temporary)
