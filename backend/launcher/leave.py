"""Being told to leave: signals set a flag, and loops look at it."""

import signal
import time
from types import FrameType
from typing import Self

_SLICE_SECONDS = 0.1


class Leave:
    """TERM, INT and HUP (the terminal is gone) set the flag, as long as the block lasts. For the main thread."""

    def __init__(self) -> None:
        self.is_asked = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        """Listen."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def pause(self, seconds: float) -> None:
        """Sleep so long, or until the flag is set."""
        end = time.monotonic() + seconds
        while not self.is_asked and (left := end - time.monotonic()) > 0:
            time.sleep(min(_SLICE_SECONDS, left))

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        self.is_asked = True
