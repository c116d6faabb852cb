"""Going on for another number of steps than a checkpoint was made for: extended runs, and forks of another length."""

from dataclasses import replace

from pydantic import JsonValue
from transformers import TrainerState

from backend.domain.run_config import Training
from backend.trainer.guarding import EarlyStopping
from backend.trainer.progress import Progress


def lengthened(state: TrainerState, progress: Progress, training: Training) -> Progress:
    """Put the order's number of steps into `state`; the progress to go on from.

    Where that is another number than the checkpoint was made for, an early end counts no more: a person asked for
    more, and evaluations without a gain are counted anew. The rest of what guards remember stays.
    """
    if state.global_step == 0 or training.max_steps in (None, state.max_steps):
        return progress
    state.max_steps = training.max_steps
    watchers = {
        name: {**memory, "is_over": False} if "is_over" in memory else memory
        for name, memory in progress.watchers.items()
    }
    if EarlyStopping.name in watchers:
        watchers[EarlyStopping.name] |= _counted_anew(watchers[EarlyStopping.name])
    return replace(progress, watchers=watchers)


def _counted_anew(memory: dict[str, JsonValue]) -> dict[str, JsonValue]:
    best = memory.get("best")
    return {"best": {**best, "num_since": 0}} if isinstance(best, dict) else {}
