"""Nested states of optimizers, schedulers and random generators as safetensors and JSON: no pickle is needed."""

import json
from pathlib import Path
from typing import Any

import torch
from pydantic import JsonValue
from safetensors.torch import load_file, save_file

TENSOR = "tensor"
LIST = "list"
TUPLE = "tuple"
DICT = "dict"
Tensors = dict[str, torch.Tensor]


class Tree:
    """A nested state, copied to host memory: what is trained on meanwhile does not change it.

    It may hold dicts with any plain keys, lists, tuples, tensors, numbers, texts, booleans and None.
    """

    def __init__(self, state: object) -> None:
        self._tensors: Tensors = {}
        self._skeleton = self._encoded(state)

    def write(self, folder: Path, name: str) -> None:
        """Two files: `<name>.json` with the nesting, `<name>.safetensors` with the tensors."""
        (folder / f"{name}.json").write_text(json.dumps(self._skeleton), encoding="utf-8")
        save_file(self._tensors, folder / f"{name}.safetensors", metadata={"format": "pt"})

    def _encoded(self, value: object) -> JsonValue:
        match value:
            case None | bool() | int() | float() | str():
                return value
            case torch.Tensor():
                name = str(len(self._tensors))
                self._tensors[name] = on_host(value)
                return {TENSOR: name}
            case dict():
                return {DICT: [[self._encoded(key), self._encoded(item)] for key, item in value.items()]}
            case tuple():
                return {TUPLE: [self._encoded(item) for item in value]}
            case list():
                return {LIST: [self._encoded(item) for item in value]}
        raise TypeError(f"a checkpoint keeps plain values and tensors, not {type(value).__name__}")


def read_tree(folder: Path, name: str) -> Any:  # noqa: ANN401 - whatever was written
    """What `Tree.write` has written. Raises OSError, or ValueError if it is something else."""
    skeleton = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return _decoded(skeleton, load_file(folder / f"{name}.safetensors"))


def on_host(tensor: torch.Tensor) -> torch.Tensor:
    """A copy in host memory, whole also where each process holds a part of it (all processes must call it)."""
    full = getattr(tensor, "full_tensor", None)  # a DTensor of FSDP
    whole: torch.Tensor = full() if callable(full) else tensor
    return whole.detach().to("cpu", copy=True).contiguous()


def _decoded(value: JsonValue, tensors: Tensors) -> object:
    match value:
        case {"tensor": str(name)}:
            return tensors[name]
        case {"dict": list(pairs)}:
            return {_decoded(pair[0], tensors): _decoded(pair[1], tensors) for pair in _pairs(pairs)}
        case {"tuple": list(items)}:
            return tuple(_decoded(item, tensors) for item in items)
        case {"list": list(items)}:
            return [_decoded(item, tensors) for item in items]
        case dict() | list():
            raise ValueError("this is no nested state of ours")
    return value


def _pairs(items: list[JsonValue]) -> list[tuple[JsonValue, JsonValue]]:
    found = [(item[0], item[1]) for item in items if isinstance(item, list) and len(item) == 2]  # noqa: PLR2004
    if len(found) != len(items):
        raise ValueError("this is no nested state of ours")
    return found
