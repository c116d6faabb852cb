"""Trying again, with growing waits, what failed for a reason that passes by itself."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self, TypeVar

from backend.network.failures import Failure

Result = TypeVar("Result")
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Retrying:
    """At most `max_attempts`, none of which begins later than `max_seconds` after the first.

    An action may wait and try again by itself: the whole takes `max_seconds` and the time of one action at most.
    Long actions call `check`, which raises when somebody asked to give up.
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
    check: Callable[[], None] = lambda: None
    jitter: Callable[[float, float], float] = field(default_factory=lambda: random.Random().uniform)  # noqa: S311

    @classmethod
    def watched(cls, check: Callable[[], None]) -> Self:
        """One whose waits, and the actions that look at it, end with what `check` raises."""

        def sleep(seconds: float) -> None:
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                check()
                time.sleep(min(left, LOOK_SECONDS))

        return cls(sleep=sleep, check=check)

    def call(self, action: Callable[[], Result], read: Callable[[Exception], Failure | None]) -> Result:
        """What the action gives. Raises its last exception: at once if its policy is not to try again.

        A wait that the other side asked for is kept to if it ends in time; else nothing is tried any more.
        """
        began = self.clock()
        for attempt in range(1, self.max_attempts + 1):
            try:
                return action()
            except Exception as error:
                failure = read(error)
                if attempt == self.max_attempts or failure is None or not failure.policy.is_tried_again:
                    raise
                wait = self._wait(attempt, failure)
                if self.clock() - began + wait >= self.max_seconds:
                    raise
                self.sleep(wait)
        raise AssertionError("max_attempts is at least 1")

    def _wait(self, attempt: int, failure: Failure) -> float:
        """Seconds before the next attempt."""
        longest = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** (attempt - 1))
        return max(self.jitter(0.0, longest), failure.asked_wait_seconds or 0.0)
