"""How fast training goes and where its time goes, measured over the steps themselves: evaluating does not count."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from backend.trainer.marks import HostMark, Mark

RECENT_STEPS = 20


class Split(NamedTuple):
    """Three moments of a step: its batches are there, its gradients are there, its weights are there."""

    fetched: Mark
    learned: Mark
    stepped: Mark


class Meter:
    """Counts seconds and tokens from `begin_step` to `end_step`; padding is not counted as tokens.

    `mark` says how moments are taken: by the host's clock, or by the device where it works behind the host's back.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        mark: Callable[[], Mark] | None = None,
    ) -> None:
        self._clock = clock
        self._mark = mark or (lambda: HostMark(clock()))
        self._began = clock()
        self._recent: deque[float] = deque(maxlen=RECENT_STEPS)
        self._seconds = self._fetching = self._saving = 0.0
        self._steps = 0
        self._tokens: int | torch.Tensor = 0
        self._new_tokens: int | torch.Tensor = 0
        self._fetched: Mark | None = None
        self._learned: Mark | None = None
        self._splits: deque[Split] = deque()

    def begin_step(self) -> None:
        """The batches of an optimizer step are about to be fetched."""
        self._began = self._clock()

    def fetched(self) -> None:
        """They are there."""
        self._fetching += self._clock() - self._began
        self._fetched = self._mark()

    def count(self, attention_mask: torch.Tensor) -> None:
        """One micro-batch more; summed on its device, so that the GPU need not wait."""
        tokens = attention_mask.sum()
        self._tokens, self._new_tokens = tokens + self._tokens, tokens + self._new_tokens

    def learned(self) -> None:
        """All forwards and backwards of the step are ordered, and its gradients clipped."""
        self._learned = self._mark()

    def end_step(self) -> None:
        """The optimizer step is done; its last part ends before the step, however long the host is held up here."""
        if self._fetched is not None and self._learned is not None:
            self._splits.append(Split(self._fetched, self._learned, self._mark()))
        self._fetched = self._learned = None
        seconds = self._clock() - self._began
        self._recent.append(seconds)
        self._seconds += seconds
        self._steps += 1

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Training waits for a checkpoint: for copies, and for the one before if that is still being written."""
        began = self._clock()
        try:
            yield
        finally:
            self._saving += self._clock() - began

    @property
    def recent_seconds_per_step(self) -> float | None:
        """Mean of the last 20 steps, None before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    def take_tokens(self) -> int:
        """Those counted since the last call."""
        tokens, self._new_tokens = int(self._new_tokens), 0
        return tokens

    def take(self) -> dict[str, float]:
        """The scalars since the last call, and begin anew; empty if no step or no time has passed.

        All seconds are means per step, those for checkpoints too.
        """
        seconds, steps, tokens = self._seconds, self._steps, int(self._tokens)
        fetching, saving = self._fetching, self._saving
        self._seconds, self._steps, self._tokens = 0.0, 0, 0
        self._fetching = self._saving = 0.0
        if not steps or seconds <= 0:
            return {}
        return {
            "perf/seconds_per_step": seconds / steps,
            "perf/tokens_per_second": tokens / seconds,
            "perf/data_seconds": fetching / steps,
            **self._take_splits(),
            "perf/checkpoint_seconds": saving / steps,
        }

    def _take_splits(self) -> dict[str, float]:
        """Of the steps whose end the device has reached; it is not waited for, the others come with the next point."""
        learning = stepping = 0.0
        count = 0
        while self._splits and self._splits[0].stepped.is_past():
            split = self._splits.popleft()
            learning += split.learned.seconds_since(split.fetched)
            stepping += split.stepped.seconds_since(split.learned)
            count += 1
        if not count:
            return {}
        return {"perf/forward_backward_seconds": learning / count, "perf/optimizer_seconds": stepping / count}
