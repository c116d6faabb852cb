"""CurveSettler: in the background, one folder after the other is checked and kept for the next start."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from backend.domain.clock import Clock

FIRST_SECONDS = 2.0  # after a folder was read: whoever asked for it comes first
AGAIN_SECONDS = 60.0  # after one that still changes
REST_FACTOR = 3.0  # each is followed by a rest of so many times its length: a quarter of a core at most
MAX_REST_SECONDS = 10.0
MAX_PENDING = 50_000
CLOSE_SECONDS = 5.0
log = logging.getLogger(__name__)


class CurveSettler:
    """One thread, alive only while something is pending. Safe from any thread.

    `settle` says whether a folder is done; one that is not, since it still changes, is tried again later.
    """

    def __init__(self, settle: Callable[[Path], bool], clock: Clock, first_seconds: float = FIRST_SECONDS) -> None:
        self._settle = settle
        self._clock = clock
        self._first_seconds = first_seconds
        self._changed = threading.Condition()
        self._pending: dict[Path, float] = {}  # due, monotonic
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def offer(self, folder: Path) -> None:
        """Have a folder looked at soon; nothing if it is waiting already, or too many are."""
        with self._changed:
            if self._is_closed or folder in self._pending or len(self._pending) >= MAX_PENDING:
                return
            self._pending[folder] = self._clock.monotonic() + self._first_seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="curve-settler", daemon=True)
                self._thread.start()

    def withdraw(self, folder: Path) -> None:
        """Forget a folder that was offered; one that is being looked at is finished."""
        with self._changed:
            self._pending.pop(folder, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the folder at hand and end; it is not waited for longer than CLOSE_SECONDS."""
        with self._changed:
            self._is_closed = True
            self._pending.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        while (folder := self._next()) is not None:
            began = self._clock.monotonic()
            is_done = self._try(folder)
            ended = self._clock.monotonic()
            with self._changed:
                if not is_done and not self._is_closed:
                    self._pending.setdefault(folder, ended + AGAIN_SECONDS)
                rest = min((ended - began) * REST_FACTOR, MAX_REST_SECONDS)
                self._changed.wait_for(lambda: self._is_closed, rest)

    def _next(self) -> Path | None:
        """The folder that has waited longest, when its time has come; None if nothing is pending any more."""
        with self._changed:
            while self._pending and not self._is_closed:
                folder, due = min(self._pending.items(), key=lambda item: item[1])
                now = self._clock.monotonic()
                if due <= now:
                    del self._pending[folder]
                    return folder
                self._changed.wait(due - now)
            self._thread = None  # under the lock: the next offer starts another
            return None

    def _try(self, folder: Path) -> bool:
        try:
            return self._settle(folder)
        except Exception:  # the others want to be kept as well; this one is not tried again
            log.exception("The curves in %s could not be kept.", folder)
            return True
