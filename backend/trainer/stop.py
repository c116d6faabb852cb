"""The request to stop: a signal handler sets a flag, and safe places look at it."""

import signal
from pathlib import Path


class StopRequested(Exception):
    """Somebody asked this process to end while there was nothing to save."""


class StopFlag:
    """Set once by TERM or INT, never cleared."""

    def __init__(self) -> None:
        self._is_requested = False

    @property
    def is_requested(self) -> bool:
        """Whether this process was asked to end."""
        return self._is_requested

    def request(self) -> None:
        """Ask to end at the next safe place."""
        self._is_requested = True

    def check(self) -> None:
        """Leave the present phase if the end was asked for. Raises StopRequested."""
        if self.is_requested:
            raise StopRequested

    def listen(self) -> None:
        """Let SIGTERM and SIGINT set the flag from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.request())


class GoFile(StopFlag):
    """Go while a file is there: to take it away needs no room on a disk, nor that anybody listens to signals yet."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    @property
    def is_requested(self) -> bool:
        """Whether the file is gone."""
        return not self._path.exists()

    def request(self) -> None:
        """Take the file away."""
        self._path.unlink(missing_ok=True)
