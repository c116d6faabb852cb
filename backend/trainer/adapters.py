"""Putting a method onto a base model, and taking its tensors out and in again."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils.other import transpose
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from backend.methods import Method, Pissa
from backend.trainer.errors import MethodUnsuitable
from backend.trainer.tensor_tree import Tensors, on_host

WEIGHTS = "adapter_model.safetensors"
START = "start.safetensors"  # PiSSA's adapter before the first step; its base weights are those minus this


class Adapted:
    """A base model that wears an adapter.

    PiSSA moves the principal part of each weight W into the adapter: W becomes W - s B0 A0. The start, A0 and
    B0, is kept with every checkpoint: a later attempt subtracts the same product again, which is exact,
    instead of repeating the decomposition, which need not be. The finished adapter is [A; A0], [B, -B0] with
    twice the rank on the untouched W, because s (B A - B0 A0) = s [B, -B0] [A; A0]. It is what peft's
    `save_pretrained(path_initial_model_for_weight_conversion=...)` computes, without that function's second
    adapter in memory and without its loss of trained biases.
    """

    def __init__(self, model: PeftModel, start: Tensors | None) -> None:
        self.model = model
        self._start = start

    def copied(self) -> Callable[[Path], None]:
        """Copy everything that training changed now; what is given writes the copy, later and from any thread."""
        config, tensors = self._config(), self.tensors()

        def write(folder: Path) -> None:
            config.save_pretrained(str(folder))
            save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
            if self._start is not None:
                save_file(self._start, folder / START)

        return write

    def read(self, folder: Path) -> None:
        """Take over the tensors of a checkpoint. Raises ValueError if they belong to another adapter."""
        result: Any = set_peft_model_state_dict(self.model, load_file(folder / WEIGHTS))
        if result.unexpected_keys:
            raise ValueError(f"{folder} holds another adapter: {result.unexpected_keys[:3]}")

    def write_result(self, folder: Path) -> None:
        """The finished adapter, for `peft.PeftModel.from_pretrained` on the untouched base model."""
        config, tensors = self._config(), self.tensors()
        config.inference_mode = True
        if self._start is not None:
            config.init_lora_weights = True
            config.r, config.lora_alpha = 2 * config.r, 2 * config.lora_alpha
            tensors = _beside_start(tensors, self._start)
        config.save_pretrained(str(folder))
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})

    def tensors(self) -> Tensors:
        """The adapter as peft stores it: copies on the CPU, by name without the adapter's own name."""
        found = get_peft_model_state_dict(self.model, save_embedding_layers=False)
        return {name: on_host(tensor) for name, tensor in found.items()}

    def _config(self) -> LoraConfig:
        config = copy.deepcopy(self.model.peft_config["default"])
        assert isinstance(config, LoraConfig)
        targets: Any = config.target_modules
        if isinstance(targets, set):
            config.target_modules = sorted(targets)  # the same file for the same run
        return config


def adapt(
    base: PreTrainedModel, method: Method, *, revision: str | None = None, resumed: Path | None = None
) -> Adapted:
    """Give the base model a fresh adapter; for PiSSA on a resume, the one that its checkpoint started from.

    The fresh adapter is a function of torch's seed. Raises MethodUnsuitable.
    """
    config = method.peft_config()
    start: Tensors | None = None
    if isinstance(method, Pissa) and resumed is not None:
        config.init_lora_weights = True
    try:
        model = get_peft_model(base, config, revision=revision)
    except (ValueError, TypeError) as error:
        raise MethodUnsuitable(method=method.name, why=str(error).strip()) from error
    if isinstance(method, Pissa):
        config.init_lora_weights = True  # it is under way: what is loaded later must not be decomposed again
        start = _begin_again(model, resumed / START) if resumed else Adapted(model, None).tensors()
        if any(t.shape[0] != config.r for name, t in start.items() if "lora_A" in name):
            raise MethodUnsuitable(method=method.name, why="The rank is larger than a side of a weight matrix.")
    return Adapted(model, start)


def _begin_again(model: PeftModel, file: Path) -> Tensors:
    """Load PiSSA's start and take it out of the base weights, in peft's order of operations (pissa_init)."""
    start = load_file(file)
    set_peft_model_state_dict(model, start)
    for layer in model.modules():
        if not isinstance(layer, LoraLayer):
            continue
        base: Any = layer.get_base_layer().weight
        fan_in_fan_out: Any = getattr(layer, "fan_in_fan_out", False)
        down, up = layer.lora_A["default"].weight.data, layer.lora_B["default"].weight.data
        weight = transpose(base.data.to(torch.float32), fan_in_fan_out)
        weight = weight - layer.scaling["default"] * up @ down
        base.data = transpose(weight.to(base.dtype), fan_in_fan_out)
    return start


def _beside_start(tensors: Tensors, start: Tensors) -> Tensors:
    beside = dict(tensors)
    for name, tensor in tensors.items():
        if "lora_A" in name:
            beside[name] = torch.cat([tensor, start[name]], dim=0)
        elif "lora_B" in name:
            beside[name] = torch.cat([tensor, -start[name]], dim=1)
    return beside
