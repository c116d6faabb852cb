"""Trying again, with growing waits, what failed for a reason that passes by itself."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Retrying:
    """At most `max_attempts` within `max_seconds`.

    The wait before attempt n + 1 is drawn evenly from 0 to first_wait_seconds * 2^(n-1), capped ("full jitter":
    M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015), by a generator of its own: the
    global random state belongs to training.
    """

    max_attempts: int = 5
    first_wait_seconds: float = 2.0
    longest_wait_seconds: float = 30.0
    max_seconds: float = 600.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[float, float], float] = field(default_factory=lambda: random.Random().uniform)  # noqa: S311

    def call(self, action: Callable[[], Result], is_passing: Callable[[Exception], bool]) -> Result:
        """What the action gives. Raises its last exception, at once if that is not passing."""
        began = self.clock()
        for attempt in range(1, self.max_attempts + 1):
            try:
                return action()
            except Exception as error:
                is_late = self.clock() - began >= self.max_seconds
                if attempt == self.max_attempts or is_late or not is_passing(error):
                    raise
                longest = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** (attempt - 1))
                self.sleep(self.jitter(0.0, longest))
        raise AssertionError("max_attempts is at least 1")
