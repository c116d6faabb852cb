"""A program that is spoken to in lines and answers in lines, as a service sees it."""

from collections.abc import Mapping
from typing import Protocol


class LineChild(Protocol):
    """A started program. It sees the end of its input when we die, however we die."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative for a signal."""

    def send(self, line: str, timeout_seconds: float) -> None:
        """Hand it a line. Raises BrokenPipeError if nobody reads it, TimeoutError if it reads too slowly."""

    def receive(self, timeout_seconds: float) -> str | None:
        """The next line, or None after the timeout. Raises EOFError when it has ended and all was read."""

    def memory_bytes(self) -> int | None:
        """Resident memory, or None if that cannot be told."""

    def last_words(self) -> str:
        """The last line of its log, or ""."""

    def end(self, grace_seconds: float) -> None:
        """Close its input, wait, and kill it if it is still there. Does nothing the second time."""


class LineProgram(Protocol):
    """Starts a LineChild."""

    def start(self, environment: Mapping[str, str]) -> LineChild:
        """Start with these variables added to ours. Raises OSError if it cannot be started."""
