"""Going on with another learning rate, schedule or weight decay than the checkpoint was made with."""

from typing import Any, NamedTuple

from transformers import Trainer


class Ordered(NamedTuple):
    """What the order says for one group of parameters: the peak of its learning rate, and its weight decay."""

    peak: float
    weight_decay: float


def ordered_groups(trainer: Trainer) -> list[Ordered]:
    """What a fresh scheduler and optimizer have, before a checkpoint is read into them."""
    optimizer = trainer.optimizer
    assert optimizer is not None, "it is made before a checkpoint is read"
    peaks = getattr(trainer.lr_scheduler, "base_lrs", [])
    decays = (float(group.get("weight_decay", 0.0)) for group in optimizer.param_groups)
    return [Ordered(peak, decay) for peak, decay in zip(peaks, decays, strict=False)]


def obey(trainer: Trainer, ordered: list[Ordered]) -> None:
    """After a checkpoint was read: the order's rates at the checkpoint's place of the order's schedule.

    The schedule is a function of the step and of the number of steps, so a run that is extended goes on as one
    that had so many steps from the beginning. If nothing was changed the same numbers come out, bit for bit.
    """
    optimizer = trainer.optimizer
    assert optimizer is not None, "the checkpoint was read into it"
    scheduler: Any = trainer.lr_scheduler
    shapes = getattr(scheduler, "lr_lambdas", [])
    if not len(shapes) == len(ordered) == len(optimizer.param_groups):
        return
    for group, shape, (peak, decay) in zip(optimizer.param_groups, shapes, ordered, strict=True):
        group["lr"] = peak * shape(scheduler.last_epoch)
        group["initial_lr"] = peak
        if "weight_decay" in group:
            group["weight_decay"] = decay
    scheduler.base_lrs = [peak for peak, _ in ordered]
    scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]  # noqa: SLF001 - torch has no setter
