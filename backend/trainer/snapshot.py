"""All that a later attempt needs to go on exactly: copied out of a loop at the end of a step, and put into one."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME

from backend.trainer import progress as progress_file
from backend.trainer import ranks
from backend.trainer.adapted import Adapted
from backend.trainer.progress import Progress
from backend.trainer.randomness import random_states, restore_random_states
from backend.trainer.tensor_tree import Tensors, Tree, read_tree

MORE = "recipe.safetensors"
OPTIMIZER, SCHEDULER, SCALER, RANKS = "optimizer", "scheduler", "scaler", "processes"
REQUIRED = tuple(
    [TRAINER_STATE_NAME, progress_file.FILE]
    + [f"{name}.{kind}" for name in (OPTIMIZER, SCHEDULER, RANKS) for kind in ("json", "safetensors")]
)
FULL = StateDictOptions(full_state_dict=True, cpu_offload=True)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Copies in host memory: nothing of it changes while training goes on."""

    step: int
    weights: Callable[[Path], None]
    trees: dict[str, Tree]
    texts: dict[str, str]
    more: Tensors = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Fill a checkpoint's folder."""
        self.weights(folder)
        for name, tree in self.trees.items():
            tree.write(folder, name)
        for name, text in self.texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        if self.more:
            save_file(self.more, folder / MORE, metadata={"format": "pt"})


def take(trainer: Trainer, adapted: Adapted, progress: Progress, more: Tensors) -> Snapshot:
    """Copy everything now; `more` are copies already. Takes part in all processes; what the first one gets is whole."""
    own = {"random": random_states(), "loss_sum": progress.loss_sum}
    trees = {
        OPTIMIZER: Tree(_optimizer_state(trainer)),
        SCHEDULER: Tree(_wrapped(trainer.lr_scheduler).state_dict()),
        RANKS: Tree(ranks.gathered(own)),
    }
    if trainer.accelerator.scaler is not None:
        trees[SCALER] = Tree(trainer.accelerator.scaler.state_dict())
    state = json.dumps(asdict(trainer.state), indent=2, sort_keys=True)
    texts = {TRAINER_STATE_NAME: state, progress_file.FILE: progress.text()}
    return Snapshot(progress.step, adapted.copied(), trees, texts, more)


def read_more(folder: Path) -> Tensors:
    """What a recipe's loop has kept beyond the rest; empty if nothing."""
    return load_file(folder / MORE) if (folder / MORE).is_file() else {}


def restore_optimizer(trainer: Trainer, folder: Path) -> None:
    """Optimizer and scheduler; of an optimizer that is shared out each process takes its part."""
    state = read_tree(folder, OPTIMIZER)
    if trainer.is_fsdp_enabled:
        set_optimizer_state_dict(_wrapped(trainer.model), _wrapped(trainer.optimizer).optimizer, state, options=FULL)
    else:
        _wrapped(trainer.optimizer).load_state_dict(state)
    _wrapped(trainer.lr_scheduler).load_state_dict(read_tree(folder, SCHEDULER))


def restore_scaler(trainer: Trainer, folder: Path) -> None:
    """The scale of the losses, where float16 has one."""
    if trainer.accelerator.scaler is not None and (folder / f"{SCALER}.json").is_file():
        trainer.accelerator.scaler.load_state_dict(read_tree(folder, SCALER))


def restore_random(folder: Path) -> None:
    """The random generators of this process."""
    restore_random_states(_own(folder)["random"])


def own_progress(folder: Path, progress: Progress) -> Progress:
    """The progress with this process's own share of the losses since the last point."""
    return replace(progress, loss_sum=_own(folder)["loss_sum"])


def _own(folder: Path) -> dict[str, Any]:
    """What this process left; one that was not there then goes on as the first one did."""
    states = read_tree(folder, RANKS)
    found: dict[str, Any] = states[ranks.index()] if ranks.index() < len(states) else states[0]
    return found


def _optimizer_state(trainer: Trainer) -> object:
    if trainer.is_fsdp_enabled:
        return get_optimizer_state_dict(_wrapped(trainer.model), _wrapped(trainer.optimizer).optimizer, options=FULL)
    return _wrapped(trainer.optimizer).state_dict()


def _wrapped(part: object) -> Any:  # noqa: ANN401 - accelerate wraps it in types without annotations
    """A part of a loop that is under way, where it is never None."""
    assert part is not None
    return part
