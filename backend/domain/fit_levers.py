"""What the fit advisor may change in an order: levers from those that learn the same to those that do not. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from backend.domain.data_report import Lengths
from backend.domain.heap import MAPPED
from backend.domain.memory_forecast import MemoryPart
from backend.domain.memory_levers import (
    GREEDY,
    Changes,
    is_valid,
    maps_blocks,
    micro_batches,
    recomputed,
    thrifty,
    with_micro_batch,
)
from backend.domain.run_config import RunConfig, Training
from backend.methods import LoraFamily, WholeMethod
from backend.quantization import NoQuantization

EIGHT_BIT = {"adamw_torch": "adamw_8bit", "adamw_torch_fused": "adamw_8bit", "lion_32bit": "lion_8bit"} | {
    "paged_adamw_32bit": "paged_adamw_8bit"
}
STEP_TOKENS = 64
LEAST_KEPT = "90"  # the percentile of row lengths below which no length is proposed
FEWEST_RANKS = 4
LORA_RANK, LORA_ALPHA = 16, 32.0
GREEDY_KEYS = frozenset(f"speed.{name}" for name in GREEDY)
EVERYTHING = frozenset(MemoryPart)
Leaves = Mapping[MemoryPart, float]
"""The least share of a part that a lever can leave; parts that are not named stay whole."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known beside the order. `lengths` of the rows decide whether, and how far, they may be cut."""

    on_gpu: bool = False
    has_bitsandbytes: bool = True
    lengths: Lengths | None = None


@dataclass(frozen=True, slots=True)
class Lever:
    """One change: why it saves memory, what it costs, and what it can leave at best."""

    changes: Changes
    reason: str
    cost: str
    leaves: Leaves = field(default_factory=dict)


Step = Callable[[RunConfig, Facts], Lever | None]


def smallest_micro_batch(config: RunConfig, facts: Facts) -> Lever | None:  # noqa: ARG001 - as every step
    """One row at a time, or the fewest that the recipe allows."""
    sizes = micro_batches(config, config.training.batch_size - 1)
    size = next((size for size in sizes if is_valid(config, with_micro_batch(config, size))), None)
    return None if size is None else micro_batch(config, size)


def micro_batch(config: RunConfig, size: int) -> Lever:
    """`size` rows at a time, and as many times as keep the rows of a step."""
    share = size / config.training.batch_size
    return Lever(
        with_micro_batch(config, size),
        f"{size} row{'' if size == 1 else 's'} at a time keep fewer activations and scores; a step still learns from "
        f"{config.training.effective_batch_size} rows",
        "learns the same; smaller portions use a GPU less well",
        {MemoryPart.ACTIVATIONS: share, MemoryPart.LOGITS: share},
    )


def checkpointing(config: RunConfig, facts: Facts) -> Lever | None:  # noqa: ARG001
    """Activations computed twice."""
    changes = recomputed(config)
    if changes is None:
        return None
    cost = "learns the same; about a third slower, because each layer is computed a second time"
    return Lever(changes, "activations of one layer are kept at a time", cost, {MemoryPart.ACTIVATIONS: 0.0})


def mapped(config: RunConfig, facts: Facts) -> Lever | None:
    """Main memory that does not fall into pieces."""
    if facts.on_gpu or maps_blocks(config):
        return None
    reason = "each large tensor has pages of its own, and freed ones go back to the system at once"
    cost = "learns the same; steps were 15 to 30% slower on a processor, those of a model 2,048 wide too"
    return Lever({"speed.allocator": MAPPED}, reason, cost)


def thrift(config: RunConfig, facts: Facts) -> Lever | None:  # noqa: ARG001
    """The levers of speed that were told to take more than they need; what no forecast sees is left alone."""
    changes = {key: value for key, value in (thrifty(config, on_gpu=False) or {}).items() if key in GREEDY_KEYS}
    reason = "the trainer's own levers compute the same with less"
    leaves = {MemoryPart.ACTIVATIONS: 0.0, MemoryPart.LOGITS: 0.0}
    return Lever(changes, reason, "learns the same", leaves) if changes else None


def shorter(config: RunConfig, facts: Facts) -> Lever | None:
    """The shortest length that keeps nine rows of ten whole; nothing where the lengths are not known."""
    length, lengths = _kept_length(facts.lengths), facts.lengths
    now = config.training.max_length
    if lengths is None or length is None or length >= min(now, lengths.percentiles["100"]):
        return None
    if config.recipe.name == "pretrain" or not is_valid(config, {"training.max_length": length}):
        return None
    cut = rows_cut(lengths, length)
    share = length / min(now, lengths.percentiles["100"])
    return Lever(
        {"training.max_length": length},
        f"the longest rows decide how much memory a step takes; of {lengths.num_rows:,} rows that were looked at, at "
        f"most {cut:,} are longer than {length:,} tokens",
        f"the ends of at most {cut:,} of {lengths.num_rows:,} rows ({cut / lengths.num_rows:.0%}) are not learned",
        {MemoryPart.ACTIVATIONS: share * share, MemoryPart.LOGITS: share},
    )


def rows_cut(lengths: Lengths, length: int) -> int:
    """At most so many rows of the sample are longer, by the percentiles and the bins of the histogram."""
    by_bins = sum(item.num_rows for item in lengths.histogram if item.high - 1 > length)
    shares = (int(name) / 100 for name, most in lengths.percentiles.items() if most <= length)
    return min(by_bins, lengths.num_rows - math.ceil(lengths.num_rows * max(shares, default=0.0)))


def eight_bit_optimizer(config: RunConfig, facts: Facts) -> Lever | None:
    """The same optimizer with a state of 8-bit numbers."""
    name = EIGHT_BIT.get(config.training.optimizer)
    return _needing_bitsandbytes(
        config,
        facts,
        Lever(
            {"training.optimizer": name or ""},
            "the optimizer's state is kept in 8-bit numbers, a quarter of the bytes",
            "steps differ a little by rounding; in published runs the results are the same (arXiv:2110.02861)",
            {MemoryPart.OPTIMIZER: 0.2},
        )
        if name
        else None,
    )


def to_lora(config: RunConfig, facts: Facts) -> Lever | None:  # noqa: ARG001
    """From training the weights themselves, or with a method that needs them whole, to LoRA."""
    is_whole = isinstance(config.method, WholeMethod)
    if not is_whole and (config.method.card.quantizations or config.method.name == "lora"):
        return None
    changes: Changes = {"method": {"name": "lora", "rank": LORA_RANK, "alpha": LORA_ALPHA}}
    cost = "another method: it learns less than training the weights" if is_whole else "another method, learning less"
    if is_whole:
        changes["training.learning_rate"] = Training.model_fields["learning_rate"].default
        if config.training.precision == "float16":
            return None
    leaves = dict.fromkeys(EVERYTHING, 0.0) if is_whole else {}
    leaves |= dict.fromkeys((MemoryPart.ADAPTER, MemoryPart.GRADIENTS, MemoryPart.OPTIMIZER), 0.0)
    reason = "gradients and optimizer state are kept for a small adapter only"
    return Lever(changes, reason, cost, leaves) if is_valid(config, changes) else None


def int8(config: RunConfig, facts: Facts) -> Lever | None:
    """Base weights in 8-bit numbers."""
    return _quantized(config, facts, "int8", "a little less exact, and slower steps", 0.24)


def nf4(config: RunConfig, facts: Facts) -> Lever | None:
    """Base weights in 4-bit numbers, also where they have eight bits."""
    cost = "less exact base weights, which the adapter mostly makes up for (arXiv:2305.14314); slower steps"
    return _quantized(config, facts, "nf4", cost, 0.12)


def lower_rank(config: RunConfig, facts: Facts) -> Lever | None:  # noqa: ARG001
    """A quarter of the rank with the same scale, but at least 4."""
    method = config.method
    if not isinstance(method, LoraFamily) or method.rank <= FEWEST_RANKS or method.rank_pattern:
        return None
    rank = max(FEWEST_RANKS, method.rank // 4)
    root = 0.5 if method.is_rank_stabilized else 1.0
    changes: Changes = {"method.rank": rank, "method.alpha": round(method.alpha * (rank / method.rank) ** root, 4)}
    share = rank / method.rank
    parts = (MemoryPart.ADAPTER, MemoryPart.GRADIENTS, MemoryPart.OPTIMIZER, MemoryPart.ACTIVATIONS)
    lever = Lever(
        changes,
        f"an adapter of rank {rank} has {share:.0%} of the numbers to train",
        "a smaller adapter learns less",
        dict.fromkeys(parts, share) | {MemoryPart.ACTIVATIONS: 0.0},
    )
    return lever if is_valid(config, changes) else None


LADDER: Mapping[str, Step] = {
    "micro-batch": smallest_micro_batch,
    "thrift": thrift,
    "allocator": mapped,
    "checkpointing": checkpointing,
    "length": shorter,
    "optimizer": eight_bit_optimizer,
    "int8": int8,
    "nf4": nf4,
    "rank": lower_rank,
    "method": to_lora,
    "nf4 of it": nf4,
}
"""In the order of how little they change what is learned."""


def _kept_length(lengths: Lengths | None) -> int | None:
    if lengths is None or LEAST_KEPT not in lengths.percentiles:
        return None
    return max(STEP_TOKENS, -(-lengths.percentiles[LEAST_KEPT] // STEP_TOKENS) * STEP_TOKENS)


def _quantized(config: RunConfig, facts: Facts, name: str, cost: str, share: float) -> Lever | None:
    is_full = isinstance(config.quantization, NoQuantization)
    if name not in config.method.card.quantizations or not (
        is_full or (config.quantization.name, name) == ("int8", "nf4")
    ):
        return None
    bits = {"int8": "8", "nf4": "4"}[name]
    leaves = dict.fromkeys((MemoryPart.WEIGHTS, MemoryPart.ACTIVATIONS, MemoryPart.LOGITS), 0.0)
    leaves[MemoryPart.WEIGHTS] = share
    lever = Lever({"quantization": {"name": name}}, f"base weights take {bits} bits a number", cost, leaves)
    return _needing_bitsandbytes(config, facts, lever)


def _needing_bitsandbytes(config: RunConfig, facts: Facts, lever: Lever | None) -> Lever | None:
    return lever if lever and facts.has_bitsandbytes and is_valid(config, lever.changes) else None
