"""Folders of models and adapters with headers but hardly any weights, and a hub cache, made on the spot."""

import json
import struct
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.domain.model_facts import FolderFacts, Home
from backend.domain.model_shelf import Spot

SIZES = {"F32": 4, "BF16": 2, "F16": 2, "U8": 1, "I32": 4}
LLAMA = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 2048, "vocab_size": 100}
COMMIT, OLDER = "a" * 40, "b" * 40


def weights(path: Path, tensors: Mapping[str, tuple[str, Sequence[int]]]) -> Path:
    """A whole .safetensors file whose numbers are all zero."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, (dtype, shape) in tensors.items():
        size = SIZES[dtype]
        for side in shape:
            size *= side
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))
    return path


LAYERS = {
    "model.embed_tokens.weight": ("BF16", (100, 8)),
    "model.layers.0.self_attn.q_proj.weight": ("BF16", (8, 8)),
    "model.layers.0.input_layernorm.weight": ("BF16", (8,)),
    "model.layers.1.self_attn.q_proj.weight": ("BF16", (8, 8)),
    "model.layers.1.mlp.up_proj.weight": ("BF16", (16, 8)),
}
NUM_PARAMETERS = 800 + 64 + 8 + 64 + 128


def a_model(folder: Path, config: Mapping[str, Any] | None = None, **files: str) -> Path:
    """A tiny Llama; further files by name, with a dot written as two underscores."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(LLAMA if config is None else config))
    weights(folder / "model.safetensors", LAYERS)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def an_adapter(folder: Path, base: str = "demo", fingerprint: str = "") -> Path:
    """A LoRA of rank 4."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": base, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text(f"---\nlicense: mit\n---\n| Dataset fingerprint | {fingerprint} |\n")
    weights(
        folder / "adapter_model.safetensors", {"a.lora_A.weight": ("F32", (4, 8)), "a.lora_B.weight": ("F32", (8, 4))}
    )
    return folder


def a_cached_model(cache: Path, model_id: str, *, unfinished: int = 0, has_weights: bool = True) -> Path:
    """A model of the hub's cache in two commits that share one blob, with links as huggingface_hub makes them."""
    folder = cache / f"models--{model_id.replace('/', '--')}"
    for name in ("blobs", "refs", f"snapshots/{COMMIT}", f"snapshots/{OLDER}"):
        (folder / name).mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "blobs" / "config").write_text(json.dumps(LLAMA))
    names = {"config.json": "config"}
    if has_weights:
        weights(folder / "blobs" / "weights", LAYERS)
        names["model.safetensors"] = "weights"
    for commit in (COMMIT, OLDER):
        for name, blob in names.items():
            (folder / "snapshots" / commit / name).symlink_to(Path("../../blobs") / blob)
    for number in range(unfinished):
        (folder / "blobs" / f"part{number}.incomplete").write_bytes(bytes(1000))
    return folder


class StuckModels:
    """A ModelProbe whose disk does not answer until it is told to."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def spots(self, root: Path, home: Home) -> Sequence[Spot]:  # noqa: ARG002 - the port's signature
        assert self.may_answer.wait(60)
        return ()

    def read(self, spot: Spot) -> FolderFacts:
        return FolderFacts(spot.folder)
