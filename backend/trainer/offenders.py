"""Which training rows an optimizer step was made of, computed again from the order of the sampler."""

import copy
from collections.abc import Iterable
from itertools import islice
from typing import Any

from torch.utils.data import BatchSampler, SequentialSampler
from transformers import Trainer

Rows = tuple[int, ...]


def rows_of_step(trainer: Trainer, step: int) -> Rows:
    """Numbers of the training rows, from 1, that were learned in a step (from 1), in the order of its batches.

    Of all processes together. Empty for a loader without a known order: then no rows are blamed.
    """
    loader: Any = trainer.callback_handler.train_dataloader
    accumulation, num_batches = trainer.args.gradient_accumulation_steps, _length(loader)
    if step < 1 or num_batches == 0:
        return ()
    epoch, index = divmod(step - 1, -(-num_batches // accumulation))
    width = accumulation * trainer.args.world_size
    batches = _again(_batches_of(loader), epoch)
    return tuple(row + 1 for batch in islice(batches, index * width, (index + 1) * width) for row in batch)


def _batches_of(loader: Any) -> Any:  # noqa: ANN401 - accelerate's loaders are not typed
    """The batches of all processes; accelerate wraps the sampler once for each process and once for a resume."""
    batches: Any = getattr(loader, "batch_sampler", None)
    while hasattr(batches, "batch_sampler"):
        batches = batches.batch_sampler
    return batches


def _length(loader: Any) -> int:  # noqa: ANN401
    try:
        return len(loader)
    except TypeError:
        return 0


def _again(batches: Any, epoch: int) -> Iterable[list[int]]:  # noqa: ANN401
    """The same batches from a copy that shares no generator; none if the epoch does not fix their order."""
    if hasattr(batches, "set_epoch"):
        same: Any = copy.copy(batches)
        same.set_epoch(epoch)
        return same  # type: ignore[no-any-return]
    sampler: Any = copy.copy(getattr(batches, "sampler", None))
    if hasattr(sampler, "set_epoch") and hasattr(sampler, "initial_seed"):
        sampler.generator = None
        sampler.set_epoch(epoch)
    elif not isinstance(sampler, SequentialSampler):
        return ()
    return BatchSampler(sampler, batches.batch_size, batches.drop_last)
