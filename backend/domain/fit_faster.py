"""What makes a run faster where much memory is free. Pure."""

from backend.domain.fit_levers import Facts, Lever
from backend.domain.heap import HEAP, MAPPED
from backend.domain.memory_levers import Changes, is_valid, micro_batches, with_micro_batch
from backend.domain.run_config import RunConfig
from backend.quantization import NoQuantization

LARGER_TRIED = 3


def quicker(config: RunConfig, facts: Facts) -> list[list[Lever]]:
    """Changes that take more memory and less time, the one that gains most first; of each the largest first.

    All of them learn from the same rows in a step.
    """
    choices = [_keeping(config), _in_pieces(config, facts), _unquantized(config), _larger(config, facts)]
    return [[lever for lever in levers if is_valid(config, lever.changes)] for levers in choices]


def _keeping(config: RunConfig) -> list[Lever]:
    if not config.training.gradient_checkpointing:
        return []
    why = "there is room to keep activations instead of computing them a second time"
    return [Lever({"training.gradient_checkpointing": False}, why, "nothing; it is about a quarter faster")]


def _in_pieces(config: RunConfig, facts: Facts) -> list[Lever]:
    if facts.on_gpu or config.speed.allocator != MAPPED:
        return []
    why = "there is room for freed memory to be kept in pieces instead of giving it back each time"
    return [Lever({"speed.allocator": HEAP}, why, "nothing; with mapped tensors steps were 15 to 30% slower")]


def _unquantized(config: RunConfig) -> list[Lever]:
    if isinstance(config.quantization, NoQuantization):
        return []
    whole: Changes = {"quantization": {"name": "none"}}
    name: Changes = {"method.name": "lora"} if config.method.name == "qlora" else {}
    why = "there is room for the whole weights, which need not be unpacked at each step"
    return [Lever(name | whole, why, "nothing; steps are faster and the base weights exact")]


def _larger(config: RunConfig, facts: Facts) -> list[Lever]:
    """More rows at a time, where that is faster: the processor of a computer gains nothing by it."""
    if not facts.on_gpu:
        return []
    rows = config.training.effective_batch_size
    sizes = [size for size in micro_batches(config, rows) if size > config.training.batch_size]
    why = f"there is room for more rows at a time, which use a GPU better; a step still learns from {rows} rows"
    cost = "nothing; fewer, larger portions are faster"
    return [Lever(with_micro_batch(config, size), why, cost) for size in sizes[-LARGER_TRIED:][::-1]]
