"""The trainer's own loop, taking two steps under the eyes of a tracker."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerState

from backend.domain.memory_forecast import MemoryPart
from backend.domain.run_config import RunConfig
from backend.recipes import Grpo
from backend.trainer.adapted import Adapted
from backend.trainer.programs import program_of
from backend.trainer.snapshot import take
from backend.trainer.tracing.answers import answer_at_once, without_own_rewards
from backend.trainer.tracing.rows import Shape, rows_of
from backend.trainer.tracing.stage import parts_of
from backend.trainer.tracing.tracker import Moment, Parts, Tracker
from backend.trainer.watching import Watcher

EVALUATING, COPYING = "evaluating", "copying"


@dataclass(frozen=True, slots=True)
class Taken:
    """What was seen: the most of each segment, what stays between steps, and the bytes of a checkpoint's copies."""

    segments: dict[str, Moment]
    steady: Parts
    copies: Parts


class Onlooker(Watcher, TrainerCallback):
    """Tells the tracker where in a step the loop is."""

    name = "onlooker"

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._step = self._micro_batch = 1
        self.callback = self
        self.steady: Parts = {}

    def on_step_begin(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - Hugging Face's
        """The batches are there."""
        self._tracker.part = MemoryPart.ACTIVATIONS
        self._micro_batch = 1
        self._tracker.begin(f"step {self._step}.1")

    def on_substep_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Another micro-batch follows."""
        self._micro_batch += 1
        self._tracker.begin(f"step {self._step}.{self._micro_batch}")

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """What is made from now on is the optimizer's."""
        self._tracker.part = MemoryPart.OPTIMIZER
        self._tracker.begin(f"step {self._step}, optimizer")

    def on_optimizer_step(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """It is done."""
        self._tracker.part = MemoryPart.ACTIVATIONS

    def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
        """Gradients are gone."""
        self._step += 1
        self.steady = self._tracker.live


def take_steps(
    config: RunConfig,
    adapted: Adapted,
    shape: Shape,
    precision: str,
    root: Path,
    tracker: Tracker,
    layers: Sequence[Any],
) -> Taken:
    """Two steps, an evaluation and the copies for a checkpoint. `layers` are blocks and the names of their places."""
    onlooker = Onlooker(tracker)
    tracker.part = MemoryPart.ACTIVATIONS
    tracker.begin("preparing")
    config = without_own_rewards(config)
    parts = parts_of(config, adapted, rows_of(config, shape), precision, root, (onlooker,))
    loop: Any = program_of(config.recipe).loop(parts)
    if isinstance(config.recipe, Grpo):
        answer_at_once(loop, max(shape.lengths), config.recipe.max_completion_length)
    tracker.watch(adapted.model)
    for layer, place in layers:
        tracker.watch_layer(layer, place)
    loop.go_on(None, TrainerState())
    tracker.begin(EVALUATING)
    loop.validation_scalars()
    tracker.begin(COPYING)
    before = tracker.live
    snapshot = take(loop, adapted, loop.progress, loop.copied_more())
    copies = {part: after - before[part] for part, after in tracker.live.items()}
    del snapshot
    return Taken(tracker.finish(), onlooker.steady, copies)
