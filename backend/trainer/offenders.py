"""Which training rows an optimizer step was made of, computed again from the order of the sampler."""

import copy
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
    batches = _batches_of(loader)
    accumulation, epoch_steps = trainer.args.gradient_accumulation_steps, _steps_per_epoch(trainer, loader)
    if batches is None or step < 1 or epoch_steps == 0:
        return ()
    epoch, index = divmod(step - 1, epoch_steps)
    sampler = _fresh(batches.sampler, epoch)
    if sampler is None:
        return ()
    width = accumulation * trainer.args.world_size
    again = BatchSampler(sampler, batches.batch_size, batches.drop_last)
    return tuple(row + 1 for batch in islice(again, index * width, (index + 1) * width) for row in batch)


def _batches_of(loader: Any) -> BatchSampler | None:  # noqa: ANN401 - accelerate's loaders are not typed
    """The batches of all processes; accelerate wraps the sampler once for each process and once for a resume."""
    batches = getattr(loader, "batch_sampler", None)
    while batches is not None and type(batches) is not BatchSampler:
        batches = getattr(batches, "batch_sampler", None)
    return batches


def _steps_per_epoch(trainer: Trainer, loader: Any) -> int:  # noqa: ANN401
    try:
        return -(-len(loader) // trainer.args.gradient_accumulation_steps)
    except TypeError:
        return 0


def _fresh(sampler: Any, epoch: int) -> Any:  # noqa: ANN401
    """A copy that gives the same order again and shares no generator; None if the epoch does not fix the order."""
    again: Any = copy.copy(sampler)
    if isinstance(sampler, SequentialSampler):
        return again
    if not hasattr(again, "set_epoch") or not hasattr(again, "initial_seed"):
        return None
    again.generator = None
    again.set_epoch(epoch)
    return again
