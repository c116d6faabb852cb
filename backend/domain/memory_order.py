"""What of a run's order decides how much memory it takes, and of what kind it is. Pure."""

from backend.data.choice import DatasetChoice
from backend.domain.guards import Guards
from backend.domain.heap import MAPPED
from backend.domain.memory_forecast import MemoryOrder
from backend.domain.memory_levers import maps_blocks
from backend.domain.run_config import BaseModelChoice, RunConfig, Training
from backend.domain.sampling import Samples

# how long and how fast, not how large
_OF_NO_SIZE = (
    "epochs",
    "max_steps",
    "learning_rate",
    "scheduler",
    "warmup_ratio",
    "weight_decay",
    "seed",
    "logging_steps",
    "eval_steps",
    "save_steps",
    "keep_checkpoints",
)
_ROWS = "sample:demo.jsonl"  # no row is read for a trace: which file it would be changes nothing
HELD_OUT = 0.1


def memory_order(
    config: RunConfig, folder: str, device: str, base_model: BaseModelChoice, longest_tokens: int | None = None
) -> MemoryOrder:
    """The order of a trace; equal for configurations that take the same memory.

    `folder` is what relative paths are relative to, `longest_tokens` the longest row after it was cut.
    """
    return MemoryOrder(
        folder=folder,
        config=_sized(config, base_model),
        device=device,
        longest_tokens=None if longest_tokens is None else min(longest_tokens, config.training.max_length),
    )


def kind_of(config: RunConfig, model_type: str, heap: str) -> str:
    """What kind of run it is: runs of one kind are off from their traces in the same way.

    `heap` is that of the trainer, see `heap.heap_of`. The last word says how main memory is kept, see
    `memory_line.place_of`.
    """
    words = (
        model_type,
        config.method.name,
        config.quantization.name,
        "texts" if config.recipe.loss_unit.startswith("nats") else "answers",
        config.training.precision,
        "checkpointing" if config.training.gradient_checkpointing else "plain",
        MAPPED if maps_blocks(config) else heap,
    )
    return "/".join(words)


def _sized(config: RunConfig, base_model: BaseModelChoice) -> RunConfig:
    """The order with what changes no size set to what it is by default."""
    plain = {name: Training.model_fields[name].default for name in _OF_NO_SIZE}
    return config.model_copy(
        update={
            "name": "",
            "base_model": base_model,
            "dataset": DatasetChoice(path=_ROWS, validation_fraction=HELD_OUT if _is_evaluated(config) else 0.0),
            "training": config.training.model_copy(update=plain),
            "speed": config.speed.model_copy(update={"allocator": "auto"}),  # it moves no tensor
            "guards": Guards(),
            "samples": Samples(),
        }
    )


def _is_evaluated(config: RunConfig) -> bool:
    return config.dataset.validation is not None or config.dataset.validation_fraction > 0
