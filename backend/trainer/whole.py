"""Fine-tuning without an adapter: the model's own weights are trained, and the result is a model."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Literal

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from backend.methods import WholeMethod
from backend.methods.whole import TRAINED
from backend.trainer.adapted import Adapted
from backend.trainer.targets import num_blocks
from backend.trainer.tensor_tree import Tensors, on_host


class WholeModel(Adapted):
    """A model some or all of whose own weights are trained.

    They are kept in float32 while they train: a step of 1e-5 is lost in bfloat16's 8 bits. The forward pass computes
    in the run's precision all the same (autocast), and the result has the base model's number format again.
    """

    place: ClassVar[Literal["adapter", "model"]] = "model"

    def __init__(self, model: PreTrainedModel, method: WholeMethod) -> None:
        self.model = model
        self._kept_as = model.dtype
        blocks = num_blocks(model)
        for name, parameter in model.named_parameters():
            if method.is_trained(name, blocks):
                parameter.data = parameter.data.to(torch.float32)
                parameter.requires_grad = True
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError("nothing would be trained")

    def copied(self) -> Callable[[Path], None]:
        """Copy the trained weights, each under its name in the model; what is given writes them."""
        tensors = self.tensors()
        return lambda folder: save_file(tensors, folder / TRAINED, metadata={"format": "pt"})

    def read(self, folder: Path) -> None:
        """Take over the weights of a checkpoint. Raises ValueError if other ones were trained."""
        kept, trained = load_file(folder / TRAINED), self._trained()
        if kept.keys() != trained.keys():
            raise ValueError(f"{folder} holds other weights: {sorted(kept.keys() ^ trained.keys())[:3]}")
        with torch.no_grad():
            for name, tensor in kept.items():
                trained[name].copy_(tensor)

    def write_result(self, folder: Path) -> None:
        """The whole model, for `from_pretrained`."""
        kept = {tensor.data_ptr(): tensor.detach().to(self._kept_as) for tensor in self._trained().values()}
        state = self.model.state_dict()  # tied weights are there twice, and must stay one tensor
        self.model.save_pretrained(
            str(folder), state_dict={name: kept.get(tensor.data_ptr(), tensor) for name, tensor in state.items()}
        )
        config = copy.deepcopy(self.model.config)
        config.dtype = self._kept_as  # transformers writes the format of the weights in memory
        config.save_pretrained(str(folder))

    def tensors(self) -> Tensors:
        """What is trained: copies on the CPU by name."""
        return {name: on_host(tensor) for name, tensor in self._trained().items()}

    def _trained(self) -> dict[str, torch.nn.Parameter]:
        return {name: tensor for name, tensor in self.model.named_parameters() if tensor.requires_grad}
