"""How adapters start from weights, rows or gradients, and how such a start is taken up again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, initialize_lora_eva_weights, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.corda import preprocess_corda
from peft.tuners.lora.loraga import preprocess_loraga
from peft.utils.integrations import dequantize_module_weight
from peft.utils.other import transpose
from safetensors.torch import load_file
from torch import nn

from backend.methods.doubling import beside_its_start
from backend.trainer.tensor_tree import Tensors
from backend.trainer.weight_files import WeightFiles

START = "start.safetensors"  # the adapter before the first step; the base weights are those minus this
Batch = Mapping[str, torch.Tensor]
Calibration = Callable[[int], Iterable[Batch]]
ROWS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Sources:
    """What a start may look at: batches of rows, and the folder of the base model's files."""

    calibration: Calibration | None = None
    weights: Path | None = None


def prepare_start(base: nn.Module, config: LoraConfig, start: str, sources: Sources) -> None:
    """Let the base model look at rows where the adapter will start from what it sees."""
    if start == "corda":  # its hook takes one row at a time
        preprocess_corda(base, config, run_model=lambda: _look(base, sources.calibration, 1))
    if start == "lora_ga":
        preprocess_loraga(base, config, train_step=lambda: _learn(base, sources.calibration))


def finish_start(model: PeftModel, start: str, sources: Sources) -> None:
    """Starts that are computed when the adapter is there already."""
    if start == "eva":
        rows = [_on_device(model, batch) for batch in _rows(sources.calibration, ROWS_AT_ONCE)]
        initialize_lora_eva_weights(model, rows, show_progress_bar=False)
    if start == "loftq":
        make_up_for_quantization(model, sources.weights)


def make_up_for_quantization(model: PeftModel, folder: Path | None) -> None:
    """LoftQ with one round on weights that are quantized already: s B A is the best of rank r for W - Q(W).

    Li et al., 2023, arXiv:2310.08659, algorithm 1. peft's `replace_lora_weights_loftq` needs CUDA and leaves
    the scale s out. The full weights are read from the base model's own files, layer by layer.
    """
    if folder is None:
        raise ValueError("This start reads the full weights, and their folder is not known.")
    files = WeightFiles(folder)
    for name, layer in model.named_modules():
        if not isinstance(layer, LoraLayer) or "default" not in layer.lora_A:
            continue
        quantized = dequantize_module_weight(layer.get_base_layer()).to(torch.float32)
        full = files.tensor(f"{name.removeprefix('base_model.model.')}.weight").to(quantized)
        u, sizes, v = torch.linalg.svd(full - quantized, full_matrices=False)
        rank, root = layer.r["default"], sizes.sqrt()
        down: Any = layer.lora_A["default"].weight
        up: Any = layer.lora_B["default"].weight
        down.data = (root[:rank, None] * v[:rank]).to(down)
        up.data = (u[:, :rank] * root[:rank] / layer.scaling["default"]).to(up)


def begin_again(model: PeftModel, start: str, file: Path) -> Tensors:
    """Load a start and take it out of the base weights, in peft's order of operations for that start."""
    first = load_file(file)
    set_peft_model_state_dict(model, first)
    for layer in model.modules():
        if not isinstance(layer, LoraLayer) or "default" not in layer.lora_A:
            continue
        base: Any = layer.get_base_layer().weight
        fan_in_fan_out: Any = getattr(layer, "fan_in_fan_out", False)
        down: Any = layer.lora_A["default"].weight.data
        up: Any = layer.lora_B["default"].weight.data
        scale = layer.scaling["default"]
        moved = scale * (up.float() @ down.float()) if start == "lora_ga" else scale * up @ down
        weight = transpose(base.data.to(torch.float32), fan_in_fan_out) - moved
        base.data = transpose(weight.to(base.dtype), fan_in_fan_out)
    return first


def beside_start(config: LoraConfig, tensors: Tensors, start: Tensors) -> tuple[LoraConfig, Tensors]:
    """The adapter [A; A0], [B, -B0] of twice the rank, for the untouched base model."""
    beside = dict(tensors)
    for name, tensor in tensors.items():
        if "lora_A" in name:
            beside[name] = torch.cat([tensor, start[name]], dim=0)
        elif "lora_B" in name:
            beside[name] = torch.cat([tensor, -start[name]], dim=1)
    grown = beside_its_start({name: getattr(config, name) for name in GROWING})
    for name, value in grown.items():
        setattr(config, name, value)
    return config, beside


GROWING = ("r", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora")


def _look(base: nn.Module, calibration: Calibration | None, size: int) -> None:
    with torch.no_grad():
        for batch in _rows(calibration, size):
            base(**_on_device(base, batch))


def _learn(base: nn.Module, calibration: Calibration | None) -> None:
    """Gradients of the loss on the rows, summed up in the weights; peft takes them from there."""
    with torch.enable_grad():
        for batch in _rows(calibration, ROWS_AT_ONCE):
            base(**_on_device(base, batch)).loss.backward()


def _rows(calibration: Calibration | None, size: int) -> Iterable[Batch]:
    if calibration is None:
        raise ValueError("This start looks at training rows, and the recipe gives none that it could read.")
    return calibration(size)


def _on_device(model: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
    device = next(model.parameters()).device
    return {name: tensor.to(device) for name, tensor in batch.items()}
