"""When a run takes the most: while it loads, steps, evaluates or saves."""

from collections.abc import Mapping

from backend.domain.memory_forecast import MemoryOrder, MemoryPart
from backend.methods import WholeMethod
from backend.trainer.tracing.steps import COPYING, EVALUATING, Taken
from backend.trainer.tracing.tracker import Parts

KEPT = (MemoryPart.WEIGHTS, MemoryPart.ADAPTER, MemoryPart.OPTIMIZER)
LOADING, STEP, SAVING = "loading", "step", "saving"


def phases_of(order: MemoryOrder, loading: Parts, taken: Taken, waiting_bytes: int = 0) -> dict[str, Parts]:
    """The most of each phase. On a CPU `waiting_bytes` of batches are there while a step is taken."""
    found = {LOADING: loading, STEP: dict(_most(taken, STEP))}
    found[STEP][MemoryPart.ACTIVATIONS] += waiting_bytes if order.device == "cpu" else 0
    if order.config.dataset.validation_fraction or _has_own_validation(order):
        found[EVALUATING] = _most(taken, EVALUATING)
    if order.device == "cpu":  # elsewhere the copies are in another memory
        found[SAVING] = _saved(order, found[STEP], taken)
    return found


def _saved(order: MemoryOrder, step: Parts, taken: Taken) -> Parts:
    """The copies with what stays between steps, as at the last step, or with a step that is taken meanwhile."""
    last = _most(taken, COPYING)
    if not saves_midway(order):
        return last
    into = MemoryPart.WEIGHTS if isinstance(order.config.method, WholeMethod) else MemoryPart.ADAPTER
    beside = dict(step)
    beside[into] += _total(taken.copies)
    return max(last, beside, key=_total)


def largest(phases: Mapping[str, Parts]) -> tuple[str, Parts]:
    """The one with the most, by name."""
    return max(phases.items(), key=lambda item: _total(item[1]))


def _most(taken: Taken, stage: str) -> Parts:
    return max((parts for name, parts in taken.segments.items() if name.startswith(stage)), key=_total)


def _has_own_validation(order: MemoryOrder) -> bool:
    dataset = order.config.dataset
    return bool(dataset.validation_path or dataset.validation_split)


def saves_midway(order: MemoryOrder) -> bool:
    """Whether a step is taken while a checkpoint is being written."""
    training = order.config.training
    return training.max_steps is None or training.max_steps > training.save_steps


def _total(parts: Parts) -> int:
    return sum(parts.values())
