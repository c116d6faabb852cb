"""When a run takes the most: while it loads, steps, evaluates or saves."""

from collections.abc import Mapping
from dataclasses import replace

from backend.domain.memory_forecast import MemoryOrder, MemoryPart
from backend.methods import WholeMethod
from backend.trainer.tracing.steps import COPYING, EVALUATING, Taken
from backend.trainer.tracing.tracker import Moment

KEPT = (MemoryPart.WEIGHTS, MemoryPart.ADAPTER, MemoryPart.OPTIMIZER)
LOADING, STEP, SAVING = "loading", "step", "saving"


def phases_of(order: MemoryOrder, loading: Moment, taken: Taken, waiting_bytes: int = 0) -> dict[str, Moment]:
    """The most of each phase. On a CPU `waiting_bytes` of batches are there while a step is taken."""
    step = _more(_most(taken, STEP), MemoryPart.ACTIVATIONS, waiting_bytes if order.device == "cpu" else 0)
    found = {LOADING: loading, STEP: step}
    if order.config.dataset.validation_fraction or _has_own_validation(order):
        found[EVALUATING] = _most(taken, EVALUATING)
    if order.device == "cpu":  # elsewhere the copies are in another memory
        found[SAVING] = _saved(order, step, taken)
    return found


def _saved(order: MemoryOrder, step: Moment, taken: Taken) -> Moment:
    """The copies with what stays between steps, as at the last step, or with a step that is taken meanwhile."""
    last = _most(taken, COPYING)
    if not saves_midway(order):
        return last
    into = MemoryPart.WEIGHTS if isinstance(order.config.method, WholeMethod) else MemoryPart.ADAPTER
    return max(last, _more(step, into, sum(taken.copies.values())), key=_total)


def largest(phases: Mapping[str, Moment]) -> tuple[str, Moment]:
    """The one with the most, by name."""
    return max(phases.items(), key=lambda item: item[1].total)


def _more(moment: Moment, part: MemoryPart, size: int) -> Moment:
    return replace(moment, parts={**moment.parts, part: moment.parts[part] + size})


def _most(taken: Taken, stage: str) -> Moment:
    return max((moment for name, moment in taken.segments.items() if name.startswith(stage)), key=_total)


def _has_own_validation(order: MemoryOrder) -> bool:
    dataset = order.config.dataset
    return bool(dataset.validation_path or dataset.validation_split)


def saves_midway(order: MemoryOrder) -> bool:
    """Whether a step is taken while a checkpoint is being written."""
    training = order.config.training
    return training.max_steps is None or training.max_steps > training.save_steps


def _total(moment: Moment) -> int:
    return moment.total
