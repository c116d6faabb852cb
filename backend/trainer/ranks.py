"""The processes of one attempt: which of them we are, and what all of them agree on.

With one process everything here is the identity. With several, all must call the same functions in the same order.
The launcher says in the environment who we are.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import PartialState
from torch import distributed

MARK = "PEFT_STUDIO_PROCESSES"  # how many there are; only our launcher sets it


def index() -> int:
    """0 for the first process, which alone writes."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def count() -> int:
    """How many processes train together."""
    return int(os.environ.get(MARK, "1"))


def meet() -> None:
    """Wait until all processes are there, and take our device."""
    if count() > 1:
        PartialState(cpu=not torch.cuda.is_available())
        distributed.barrier()


def is_first() -> bool:
    """Whether we are the one that writes."""
    return index() == 0


def agreed(*, first_says: bool) -> bool:
    """What the first process says, known to all of them."""
    return bool(told(int(first_says)))


def told(number: int) -> int:
    """The first process's number, known to all of them."""
    if count() == 1:
        return number
    word = torch.tensor([number], device=_device())
    distributed.broadcast(word, src=0)
    return int(word.item())


@contextmanager
def first_goes_first() -> Iterator[None]:
    """What is made once and then found by the others; the others wait until the first one has made it."""
    if not is_first():
        distributed.barrier()
    yield
    if is_first() and count() > 1:
        distributed.barrier()


def total(value: float) -> float:
    """The sum over all processes, the same bits in each of them."""
    if count() == 1:
        return value
    values = [torch.zeros(1, dtype=torch.float64, device=_device()) for _ in range(count())]
    distributed.all_gather(values, torch.tensor([value], dtype=torch.float64, device=_device()))
    return float(sum(each.item() for each in values))


def gathered(state: object) -> list[Any]:
    """The state of each process, in order; in the first process only, elsewhere empty."""
    if count() == 1:
        return [state]
    found: list[Any] | None = [None] * count() if is_first() else None
    distributed.gather_object(state, found, dst=0)
    return found or []


def _device() -> torch.device:
    """Where the processes can talk: NCCL knows the GPU only."""
    is_nccl = "nccl" in str(distributed.get_backend())
    return torch.device("cuda", torch.cuda.current_device()) if is_nccl else torch.device("cpu")
