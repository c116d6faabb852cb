"""Outbox: the only writer on what was standard output when the program started."""

import os
import sys

from backend.domain.chat import ChatEvent
from backend.domain.chat_lines import READY, event_line


class Outbox:
    """Writes one line at a time. Raises BrokenPipeError when nobody reads any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def ready(self) -> None:
        """The libraries are loaded."""
        self._write(READY)

    def say(self, request_id: str, event: ChatEvent) -> None:
        """Pass on a piece of an answer."""
        self._write(event_line(request_id, event))

    def _write(self, line: str) -> None:
        data = line.encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]


def claim_stdout() -> Outbox:
    """Take standard output for the protocol; whatever libraries print goes to standard error, the log."""
    sys.stdout.flush()
    private = os.dup(1)
    os.dup2(2, 1)
    return Outbox(private)
