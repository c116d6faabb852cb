"""The stacks of a trainer that hangs, written into its own log before it is killed."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.domain.ports import Clock, WarmExecutor
from backend.domain.run import ProcessIdentity

_PATIENCE_SECONDS = 2.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Stacks:
    """`pause(seconds)` may raise to break off."""

    executor: WarmExecutor
    clock: Clock
    pause: Callable[[float], None]

    def ask(self, process: ProcessIdentity, has_told: Callable[[], bool]) -> str:
        """Ask a process and its descendants, wait two seconds at most, and say what came of it."""
        num_asked = self.executor.ask_for_stacks(process)
        deadline = self.clock.monotonic() + _PATIENCE_SECONDS
        while num_asked and self.clock.monotonic() < deadline and not has_told():
            self.pause(_PAUSE_SECONDS)
        return "the stacks of its threads are in its log" if has_told() else "it did not even tell its stacks"
