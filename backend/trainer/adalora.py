"""AdaLoRA's moving ranks: when they change, and what a checkpoint keeps of how important each was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors.torch import load_file, save_file

from backend.methods import Adalora
from backend.trainer.tensor_tree import on_host

IMPORTANCE = "importance.safetensors"
RANKS = "ranks.json"
AVERAGES = ("exp_avg_ipt", "exp_avg_unc", "ipt")


def begin(model: PeftModel, method: Adalora, total_steps: int) -> None:
    """Set the phases for a run of this many optimizer steps."""
    config: Any = model.peft_config["default"]
    config.tinit, config.tfinal = method.phases(total_steps)
    config.total_step = total_steps


def copied(model: PeftModel) -> Callable[[Path], None]:
    """Copy the averages of importance, and which ranks are left; what is given writes them."""
    allocator: Any = model.base_model.rankallocator
    tensors = {f"{kind}/{name}": t for kind in AVERAGES for name, t in getattr(allocator, kind).items()}
    copies = {name: on_host(tensor) for name, tensor in tensors.items()}
    ranks = json.dumps(allocator.peft_config.rank_pattern)

    def write(folder: Path) -> None:
        save_file(copies, folder / IMPORTANCE)
        (folder / RANKS).write_text(ranks, encoding="utf-8")

    return write


def read(model: PeftModel, folder: Path) -> None:
    """Go on from a checkpoint's averages and ranks."""
    allocator: Any = model.base_model.rankallocator
    device = next(model.parameters()).device
    for key, tensor in load_file(folder / IMPORTANCE).items():
        kind, _, name = key.partition("/")
        getattr(allocator, kind)[name] = tensor.to(device)
    allocator.peft_config.rank_pattern = json.loads((folder / RANKS).read_text(encoding="utf-8"))
