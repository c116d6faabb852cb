"""The dashboard's server as a child: started in a session of its own, bound to our life, ended with all it started."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from backend.domain.run import ProcessIdentity
from backend.executors import process_table
from backend.executors.environment import LAUNCH
from backend.executors.errors import CommandNotStarted
from backend.executors.local import LocalExecutor
from backend.launcher.log_file import CappedLog, Tail, pump
from backend.launcher.manager import ServerCommand

_PUMP_SECONDS = 5.0  # with the process the pipes end, and with them the wait


class ServerProcess:
    """One started server. What belongs to it carries our mark in its environment; supervisors and trainers do not."""

    def __init__(self, command: ServerCommand, mark: str, log: CappedLog) -> None:
        """Start it. Raises CommandNotStarted. To be called from a thread that lives as long as the server shall."""
        bound = (sys.executable, "-m", "backend.launcher.bound", str(os.getpid()))
        try:
            self._process = subprocess.Popen(
                (*bound, *command.argv),
                cwd=command.cwd,
                env={**command.environment, LAUNCH: mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise CommandNotStarted(program=command.argv[0], reason=error) from error
        identity = process_table.identify(self._process.pid)
        assert identity is not None, "a child that was not waited for has an entry"
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.identity: ProcessIdentity = identity
        self.command = command
        self._mark = mark
        self._tail = Tail()
        self._pumps = (pump(self._process.stdout, log, None), pump(self._process.stderr, log, self._tail))

    def wait(self, seconds: float) -> int | None:
        """Its exit code, negative for a signal, or None if it lives after so long."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_end(self) -> None:
        """TERM to its group, and CONT so that a stopped one hears it."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """KILL to its group."""
        self._signal(signal.SIGKILL)

    def clear(self) -> None:
        """End whatever else it started, in whatever session, but for the programs of runs."""
        sweep(self._mark)

    def last_words(self) -> str:
        """The end of its standard error."""
        for thread in self._pumps:
            thread.join(_PUMP_SECONDS)
        return self._tail.text()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:  # not yet waited for: the pid is still its own
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def sweep(mark: str) -> int:
    """KILL every process that carries a launcher's mark; their number."""
    return LocalExecutor().sweep({LAUNCH: mark})
