"""The stacks of a trainer that hangs, written into its own log before it is killed."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.domain.ports import Clock, WarmExecutor
from backend.domain.run import ProcessIdentity

_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Stacks:
    """`pause(seconds)` may raise to break off."""

    executor: WarmExecutor
    clock: Clock
    pause: Callable[[float], None]

    def ask(self, process: ProcessIdentity, log_bytes: Callable[[], int]) -> str:
        """Ask a process and its descendants, wait five seconds at most, and say what came of it.

        They are told to their end when the log, `log_bytes` long, has grown and grows no more.
        """
        before = last = log_bytes()
        num_asked = self.executor.ask_for_stacks(process)
        deadline = self.clock.monotonic() + _PATIENCE_SECONDS
        while num_asked and self.clock.monotonic() < deadline:
            self.pause(_PAUSE_SECONDS)
            now = log_bytes()
            if now == last > before:
                break
            last = now
        return "the stacks of its threads are in its log" if last > before else "it did not even tell its stacks"
