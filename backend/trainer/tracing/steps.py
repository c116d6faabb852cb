"""The trainer's own loop, taking two steps under the eyes of a tracker."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState

from backend.domain.memory_forecast import MemoryPart
from backend.domain.run_config import RunConfig
from backend.trainer.adapted import Adapted
from backend.trainer.parts import Rows
from backend.trainer.programs import program_of
from backend.trainer.snapshot import take
from backend.trainer.tracing.stage import parts_of
from backend.trainer.tracing.tracker import Parts, Tracker
from backend.trainer.watching import Watcher

EVALUATING, SAVING = "evaluating", "saving"


class Onlooker(Watcher, TrainerCallback):
    """Tells the tracker where in a step the loop is."""

    name = "onlooker"

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._step = 1
        self.callback = self
        self.steady: Parts = {}

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """The batches are there."""
        self._tracker.part = MemoryPart.ACTIVATIONS
        self._tracker.begin(f"step {self._step}")

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """What is made from now on is the optimizer's."""
        self._tracker.part = MemoryPart.OPTIMIZER
        self._tracker.begin(f"step {self._step} optimizer")

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        """It is done."""
        self._tracker.part = MemoryPart.ACTIVATIONS

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Gradients are gone."""
        self._step += 1
        self.steady = self._tracker.live


def take_steps(
    config: RunConfig, adapted: Adapted, rows: Rows, precision: str, root: Path, tracker: Tracker
) -> tuple[Parts, Parts]:
    """Two steps, an evaluation and the copies for a checkpoint; what stays between steps, and the copies' bytes."""
    onlooker = Onlooker(tracker)
    tracker.part = MemoryPart.ACTIVATIONS
    tracker.begin("preparing")
    parts = parts_of(config, adapted, rows, precision, root, (onlooker,))
    loop: Any = program_of(config.recipe).loop(parts)
    tracker.watch(adapted.model)
    loop.go_on(None, TrainerState())
    tracker.begin(EVALUATING)
    loop.validation_scalars()
    tracker.begin("copying")
    before = tracker.live
    snapshot = take(loop, adapted, loop.progress, loop.copied_more())
    copies = {part: after - before[part] for part, after in tracker.live.items()}
    del snapshot
    return onlooker.steady, copies
