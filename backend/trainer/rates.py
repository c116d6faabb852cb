"""Going on with another learning rate than the checkpoint was made with."""

from typing import Any

from transformers import Trainer


def ordered_rates(trainer: Trainer) -> list[float]:
    """The peak rates of a fresh scheduler, one for each group of parameters."""
    return list(getattr(trainer.lr_scheduler, "base_lrs", []))


def obey(trainer: Trainer, ordered: list[float]) -> None:
    """After a checkpoint was read: the order's rates at the checkpoint's place of the schedule.

    If both have the same rates nothing is touched, not even by rounding.
    """
    scheduler, optimizer = trainer.lr_scheduler, trainer.optimizer
    assert optimizer is not None, "the checkpoint was read into it"
    kept = ordered_rates(trainer)
    if kept == ordered or len(kept) != len(ordered):
        return
    for group, new, old in zip(optimizer.param_groups, ordered, kept, strict=True):
        group["lr"] = group["lr"] * new / old if old else new
        group["initial_lr"] = new
    untyped: Any = scheduler
    untyped.base_lrs = list(ordered)
    untyped._last_lr = [group["lr"] for group in optimizer.param_groups]  # noqa: SLF001 - torch has no setter
