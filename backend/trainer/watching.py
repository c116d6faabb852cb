"""Looking on while training: guards and samplers are told what happens, and may end it."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue


class Watcher:
    """Told of every step; does nothing by itself. Whatever it remembers must survive a kill and a resume.

    It may raise a StudioError, which ends the attempt before anything more is written.
    """

    name = "watcher"

    def micro_batch(self, step: int, inputs: Mapping[str, Any], loss: float) -> None:
        """A forward and backward of what will be `step` is done, and its loss known, in nats."""

    def step_ended(self, step: int, scalars: Mapping[str, float]) -> None:
        """An optimizer step is done. Keys: loss, grad_norm (before clipping), learning_rate."""

    def evaluated(self, step: int, scalars: Mapping[str, float]) -> bool:  # noqa: ARG002
        """An evaluation is done ("eval/loss" and the recipe's own); True ends the training with this step."""
        return False

    def state(self) -> dict[str, JsonValue]:
        """What a checkpoint keeps of it."""
        return {}

    def restore(self, state: Mapping[str, JsonValue]) -> None:
        """Go on from a checkpoint's `state`."""
