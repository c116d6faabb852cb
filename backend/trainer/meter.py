"""How fast training goes, measured over the steps themselves: evaluating and saving do not count."""

import time
from collections import deque
from collections.abc import Callable

import torch

RECENT_STEPS = 20


class Meter:
    """Counts seconds and tokens from `begin_step` to `end_step`; padding is not counted as tokens."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._recent: deque[float] = deque(maxlen=RECENT_STEPS)
        self._seconds = 0.0
        self._steps = 0
        self._tokens: int | torch.Tensor = 0

    def begin_step(self) -> None:
        """The batches of an optimizer step are about to be fetched."""
        self._began = self._clock()

    def count(self, attention_mask: torch.Tensor) -> None:
        """One micro-batch more; summed on its device, so that the GPU need not wait."""
        self._tokens = attention_mask.sum() + self._tokens

    def end_step(self) -> None:
        """The optimizer step is done."""
        seconds = self._clock() - self._began
        self._recent.append(seconds)
        self._seconds += seconds
        self._steps += 1

    @property
    def recent_seconds_per_step(self) -> float | None:
        """Mean of the last 20 steps, None before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    def take(self) -> dict[str, float]:
        """The scalars since the last call, and begin anew; empty if no step or no time has passed."""
        seconds, steps, tokens = self._seconds, self._steps, int(self._tokens)
        self._seconds, self._steps, self._tokens = 0.0, 0, 0
        if not steps or seconds <= 0:
            return {}
        return {"perf/seconds_per_step": seconds / steps, "perf/tokens_per_second": tokens / seconds}


def gpu_memory() -> dict[str, float]:
    """The most that tensors took since the last point, in bytes."""
    if not torch.cuda.is_available():
        return {}
    most = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return {"gpu/0/memory_bytes": float(most)}
