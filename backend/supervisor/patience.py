"""Writing to a store that may be away for a while: the trainer must not suffer from it."""

import logging
from collections.abc import Callable
from typing import TypeVar

from backend.domain.ports import RunStore
from backend.domain.run import ProcessIdentity, Run
from backend.domain.transition import Transition
from backend.store.errors import StaleTransition, StoreFromNewerVersion, StoreFull, StoreUnavailable

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0
_log = logging.getLogger(__name__)
T = TypeVar("T")


class PatientStore:
    """The supervisor's side of the RunStore: writes are tried until the store takes them.

    `pause(seconds)` may raise to break off. Reads give None at once while the store is away. `make_room` is called
    whenever a write found the disk full, before it is tried again.
    """

    def __init__(self, store: RunStore, pause: Callable[[float], None]) -> None:
        self._store = store
        self._pause = pause
        self.make_room: Callable[[], None] = lambda: None
        self._seen: int | None = None
        self._is_away = False

    def claim(self, run_id: str, supervisor: ProcessIdentity) -> Run:
        """Take the run. Raises RunNotFound."""
        return self._insist(lambda: self._store.claim(run_id, supervisor))

    def apply(self, transition: Transition) -> Run:
        """Change the run. Raises StaleTransition if another supervisor took it."""
        tried = 0

        def attempt() -> Run:
            nonlocal tried
            tried += 1
            try:
                return self._store.apply(transition)
            except StaleTransition:
                return self._applied_unheard(transition, tried)

        return self._insist(attempt)

    def remark(self, run_id: str, fence: int, reason: str, process: ProcessIdentity | None = None) -> Run:
        """Add a journal line. Raises StaleTransition if another supervisor took the run."""
        return self._insist(lambda: self._store.remark(run_id, fence, reason, process))

    def get(self, run_id: str) -> Run:
        """The run as it is now."""
        return self._insist(lambda: self._store.get(run_id))

    def journal(self, run_id: str) -> list[str]:
        """The reasons of all journal lines."""
        return self._insist(lambda: [line.reason for line in self._store.journal(run_id)])

    def changed(self, run_id: str) -> Run | None:
        """The run if anything changed since the last call; None if not, or while the store is away."""
        try:
            version = self._store.version()
            if version == self._seen:
                return None
            run = self._store.get(run_id)
        except StoreUnavailable as error:
            if not self._is_away:
                _log.warning("the store is away: %s", error)
            self._is_away = True
            return None
        self._seen = version
        self._is_away = False
        return run

    def _insist(self, write: Callable[[], T]) -> T:
        wait = _FIRST_WAIT_SECONDS
        while True:
            try:
                return write()
            except StoreFromNewerVersion:
                raise  # for good: a supervisor of that version takes over
            except StoreUnavailable as error:
                _log.warning("the store is away, trying again in %.1f s: %s", wait, error)
                if isinstance(error, StoreFull):
                    self.make_room()
            self._pause(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _applied_unheard(self, transition: Transition, tried: int) -> Run:
        """A commit whose answer got lost is found already done by the next try."""
        run = self._store.get(transition.run_id)
        is_done = run.fence == transition.fence and run.state is transition.target
        if tried > 1 and is_done:
            return run
        raise StaleTransition(
            run_id=run.id,
            expected=f"state {transition.source} under fence {transition.fence}",
            found=f"state {run.state} under fence {run.fence}",
        )
