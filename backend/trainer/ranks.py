"""The processes of one attempt: which of them we are, and what all of them agree on.

With one process everything here is the identity. With several, all must call the same functions in the same order.
"""

from typing import Any

import torch
from torch import distributed


def index() -> int:
    """0 for the first process, which alone writes."""
    return distributed.get_rank() if _are_several() else 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if _are_several() else 1


def is_first() -> bool:
    """Whether we are the one that writes."""
    return index() == 0


def agreed(*, first_says: bool) -> bool:
    """What the first process says, known to all of them."""
    if not _are_several():
        return first_says
    word = torch.tensor([int(first_says)], device=_device())
    distributed.broadcast(word, src=0)
    return bool(word.item())


def total(value: float) -> float:
    """The sum over all processes, the same bits in each of them."""
    if not _are_several():
        return value
    values = [torch.zeros(1, dtype=torch.float64, device=_device()) for _ in range(count())]
    distributed.all_gather(values, torch.tensor([value], dtype=torch.float64, device=_device()))
    return float(sum(each.item() for each in values))


def gathered(state: object) -> list[Any]:
    """The state of each process, in order; in the first process only, elsewhere empty."""
    if not _are_several():
        return [state]
    found: list[Any] | None = [None] * count() if is_first() else None
    distributed.gather_object(state, found, dst=0)
    return found or []


def _are_several() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _device() -> torch.device:
    """Where the processes can talk: NCCL knows the GPU only."""
    is_nccl = "nccl" in str(distributed.get_backend())
    return torch.device("cuda", torch.cuda.current_device()) if is_nccl else torch.device("cpu")
