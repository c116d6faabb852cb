"""Being told to leave: a signal handler sets a flag, and the loop looks at it."""

import signal
import time
from collections.abc import Callable
from types import FrameType

_SLICE_SECONDS = 0.1


class Left(Exception):
    """The supervisor was told to leave; the trainer goes on."""


class Leave:
    """The flag, and a pause that ends early when it is set."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.is_asked = False
        self._sleep = sleep
        self._monotonic = monotonic

    def listen(self) -> None:
        """TERM and INT set the flag; HUP means nothing to us, as we outlive every terminal."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def check(self) -> None:
        """Raises Left if the flag is set."""
        if self.is_asked:
            raise Left

    def pause(self, seconds: float) -> None:
        """Sleep. Raises Left as soon as the flag is set."""
        end = self._monotonic() + seconds
        while (left := end - self._monotonic()) > 0:
            self.check()
            self._sleep(min(_SLICE_SECONDS, left))
        self.check()

    def _ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        self.is_asked = True
