"""An executor of which only the locks may be asked: whoever starts or signals anything fails the test."""

from pathlib import Path

from backend.domain.ports import Command, Exit
from backend.domain.run import ProcessIdentity
from backend.domain.states import Liveness


class StillExecutor:
    """`found` maps lock names to their holders; a lock with the holder None is `unknown`, others are free."""

    def __init__(self, found: dict[str, ProcessIdentity | None] | None = None) -> None:
        self.found = found or {}
        self.unknown = Liveness.UNKNOWN

    def find(self, lock: Path) -> tuple[Liveness, ProcessIdentity | None]:
        if lock.name not in self.found:
            return Liveness.DEAD, None
        holder = self.found[lock.name]
        return (Liveness.ALIVE if holder else self.unknown), holder

    def start(self, command: Command) -> ProcessIdentity | None:
        raise AssertionError(f"started {command}")

    def wait(self, process: ProcessIdentity, timeout_seconds: float) -> Exit | None:
        raise AssertionError(f"waited {timeout_seconds} s for {process}")

    def terminate(self, process: ProcessIdentity) -> None:
        raise AssertionError(f"asked {process} to end")

    def kill(self, process: ProcessIdentity) -> None:
        raise AssertionError(f"killed {process}")
