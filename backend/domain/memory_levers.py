"""What makes a step smaller without changing what is learned: single changes of an order. Pure."""

from pydantic import JsonValue

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.heap import MAPPED
from backend.domain.run_config import RunConfig

FEWEST_TOKENS = 16
GREEDY = {"batches": "padded", "logits": "all", "layers": "library"}  # what takes more memory than auto does
Changes = dict[str, JsonValue]


def halved(order: RunConfig) -> Changes | None:
    """The largest micro-batch of at most half the rows that divides the rows of an optimizer step."""
    sizes = micro_batches(order, order.training.batch_size // 2)
    changes = with_micro_batch(order, sizes[-1]) if sizes else None
    return changes if changes and is_valid(order, changes) else None


def micro_batches(order: RunConfig, largest: int) -> list[int]:
    """The sizes of micro-batches up to `largest` rows that keep the rows of an optimizer step, ascending."""
    rows = order.training.effective_batch_size
    return [size for size in range(1, min(largest, rows) + 1) if rows % size == 0]


def with_micro_batch(order: RunConfig, size: int) -> Changes:
    """`size` rows in each micro-batch and as many of them as keep the rows of a step; not validated."""
    training = order.training
    changes: Changes = {
        "training.batch_size": size,
        "training.gradient_accumulation": training.effective_batch_size // size,
    }
    tokens = order.speed.micro_batch_tokens
    if tokens is not None and (fewer := tokens * size // training.batch_size) >= FEWEST_TOKENS:
        changes["speed.micro_batch_tokens"] = fewer
    return changes


def recomputed(order: RunConfig) -> Changes | None:
    """Activations are computed a second time instead of being kept."""
    return None if order.training.gradient_checkpointing is True else {"training.gradient_checkpointing": True}


def thrifty(order: RunConfig, *, on_gpu: bool) -> Changes | None:
    """No helper processes, every lever of speed that saves memory, and memory that does not fall into pieces."""
    now = order.model_dump(mode="json")["speed"]
    wanted: Changes = {"speed.dataloader_workers": 0}
    wanted |= {f"speed.{lever}": "auto" for lever, greedy in GREEDY.items() if now[lever] == greedy}
    if on_gpu:
        wanted["speed.expandable_segments"] = True
    elif not maps_blocks(order):
        wanted["speed.allocator"] = MAPPED
    return {key: value for key, value in wanted.items() if now[key.partition(".")[2]] != value} or None


def maps_blocks(order: RunConfig) -> bool:
    """Whether large tensors in main memory get pages of their own: chosen, or time is given for memory anyway."""
    chosen = order.speed.allocator
    return order.training.gradient_checkpointing if chosen == "auto" else chosen == MAPPED


def is_valid(order: RunConfig, changes: Changes) -> bool:
    """Whether the changed order is one that can be trained."""
    try:
        adjusted(order, (Adjustment(attempt=1, reason="", changes=changes),))
    except ValueError:
        return False
    return True
