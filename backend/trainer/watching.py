"""Looking on while training: guards and samplers are told what happens, and may end it."""

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

import torch
from pydantic import JsonValue
from transformers import TrainerCallback

from backend.trainer import ranks

Number = torch.Tensor | float | None
State = dict[str, JsonValue]


class Verdict(IntEnum):
    """What a watcher wants; the highest one counts."""

    GO_ON = 0
    SAVE = 1  # a checkpoint of this step
    END = 2  # the same, and no step more: the run is finished early


class Watcher:
    """Told of every step; does nothing by itself. Whatever it remembers must survive a kill and a resume.

    It may raise a StudioError, which ends the attempt before anything more is written. Once `is_over` is true
    (and kept in `state`), later attempts train no more either.
    """

    name = "watcher"
    is_over = False
    callback: TrainerCallback | None = None

    def began(self, step: int, last: int) -> None:
        """Everything is loaded; the next step will be `step` + 1 of `last`."""

    def micro_batch(self, step: int, inputs: Mapping[str, Any], loss: float) -> None:
        """A forward and backward of what will be `step` is done, and its loss known, in nats."""

    def at_rest(self, step: int, last: int) -> None:
        """Step `step` of `last` is done and the model has its weights. It may not change any random state."""

    def measured(self) -> dict[str, Number]:
        """More numbers of the step that was just done, for `step_ended`; None is not measured."""
        return {}

    def step_ended(self, step: int, scalars: Mapping[str, float]) -> Verdict:  # noqa: ARG002
        """An optimizer step is done. Keys: loss, grad_norm (before clipping), learning_rate; update_size if measured.

        On a GPU it may be told some steps later, when the numbers are fetched for a point of the curve anyway.
        """
        return Verdict.GO_ON

    def evaluated(self, step: int, scalars: Mapping[str, float]) -> Verdict:  # noqa: ARG002
        """An evaluation is done ("eval/loss" and the recipe's own)."""
        return Verdict.GO_ON

    def state(self) -> State:
        """What a checkpoint keeps of it."""
        return {}

    def restore(self, state: Mapping[str, JsonValue]) -> None:
        """Go on from a checkpoint's `state`."""


class _Step(NamedTuple):
    step: int
    scalars: dict[str, Number]


class Watching:
    """All watchers of a loop. Norms may be tensors: they are fetched only when that costs no wait."""

    def __init__(self, watchers: Iterable[Watcher], states: Mapping[str, Mapping[str, JsonValue]]) -> None:
        self.watchers = tuple(watchers)
        for watcher in self.watchers:
            watcher.restore(states.get(watcher.name, {}))
        self._losses: dict[int, float] = {}
        self._waiting: list[_Step] = []

    @property
    def is_over(self) -> bool:
        """Whether some watcher has ended the training."""
        return any(watcher.is_over for watcher in self.watchers)

    def callbacks(self) -> list[TrainerCallback]:
        """What else Hugging Face's loop should call."""
        return [watcher.callback for watcher in self.watchers if watcher.callback is not None]

    def states(self) -> dict[str, State]:
        """What a checkpoint keeps."""
        return {watcher.name: watcher.state() for watcher in self.watchers}

    def began(self, step: int, last: int) -> None:
        """Everything is loaded."""
        for watcher in self.watchers:
            watcher.began(step, last)

    def micro_batch(self, step: int, inputs: Mapping[str, Any], loss: float) -> None:
        """One more is known, before its step is settled."""
        self._losses[step] = self._losses.get(step, 0.0) + loss
        for watcher in self.watchers:
            watcher.micro_batch(step, inputs, loss)

    def step_ended(self, step: int, last: int, scalars: dict[str, Number], *, is_point: bool) -> Verdict:
        """A step is done; `is_point` if its numbers are fetched anyway."""
        for watcher in self.watchers:
            scalars |= watcher.measured()
        self._waiting.append(_Step(step, scalars))
        for watcher in self.watchers:
            watcher.at_rest(step, last)
        return self._settle() if is_point or not torch.cuda.is_available() else Verdict.GO_ON

    def evaluated(self, step: int, scalars: Mapping[str, float]) -> Verdict:
        """An evaluation is done. All processes do what the first one's watchers want."""
        verdict = max((watcher.evaluated(step, scalars) for watcher in self.watchers), default=Verdict.GO_ON)
        return Verdict(ranks.told(verdict))

    def _settle(self) -> Verdict:
        """Tell what waits, in order. With several processes the loss is their mean: all must decide alike."""
        waiting, self._waiting = self._waiting, []
        verdict = Verdict.GO_ON
        for step in waiting:
            scalars = {name: float(value) for name, value in step.scalars.items() if value is not None}
            scalars["loss"] = ranks.total(self._losses.pop(step.step, 0.0)) / ranks.count()
            verdict = max([verdict, *(watcher.step_ended(step.step, scalars) for watcher in self.watchers)])
        return verdict


RowsOf = Callable[[int], tuple[int, ...]]
