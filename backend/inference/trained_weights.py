"""Weights of the model itself in a checkpoint: they are put into the base model in place of its own."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from backend.inference.errors import TrainedWeightsDoNotFit
from backend.inference.loading import first_line
from backend.methods.whole import TRAINED


def names_in(folder: Path) -> frozenset[str]:
    """The weights that a checkpoint has, read from the file's header. Raises TrainedWeightsDoNotFit."""
    try:
        with safe_open(folder / TRAINED, framework="pt") as file:
            return frozenset(file.keys())
    except (OSError, SafetensorError) as error:
        raise TrainedWeightsDoNotFit(path=folder, reason=first_line(error)) from error


def put_into(model: PreTrainedModel, folder: Path) -> frozenset[str]:
    """Copy the trained weights into the model, in its number format; their names. It is another model then.

    Nothing is copied unless all of them fit. Raises TrainedWeightsDoNotFit.
    """
    names, own = names_in(folder), dict(model.named_parameters())
    with safe_open(folder / TRAINED, framework="pt") as file, torch.no_grad():
        for name in names:
            if why := _misfit(name, own.get(name), file.get_slice(name).get_shape()):
                raise TrainedWeightsDoNotFit(path=folder, reason=why)
        for name in names:
            own[name].copy_(file.get_tensor(name))
    return names


def _misfit(name: str, parameter: torch.nn.Parameter | None, shape: list[int]) -> str:
    if parameter is None:
        return f"the base model has no weight {name}"
    if not parameter.is_floating_point():
        return f"{name} is quantized in the loaded base model, and it was trained in full"
    if list(parameter.shape) != shape:
        return f"{name} has the shape {shape}, and in the base model {list(parameter.shape)}"
    return ""
