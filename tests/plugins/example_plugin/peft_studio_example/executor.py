"""An executor: programs that leave the processor to others."""

from dataclasses import replace

from backend.domain.ports import Command
from backend.domain.run import ProcessIdentity
from backend.executors.local import LocalExecutor


class NiceExecutor(LocalExecutor):
    """Starts everything with a lower priority; `nice` becomes the program, so the process stays the same."""

    def start(self, command: Command, warm: ProcessIdentity | None = None) -> ProcessIdentity | None:
        """As LocalExecutor.start."""
        return super().start(replace(command, argv=("nice", "-n", "5", *command.argv)), warm)
