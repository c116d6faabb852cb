"""The one owner of a browser session's ApplicationState."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from backend.domain.application_state import ApplicationState, Observer, Updater
from backend.domain.ports import DraftStore
from backend.domain.state_text import from_text, to_text
from backend.errors import StorageError


@dataclass(slots=True, eq=False)
class _Subscription:
    observer: Observer
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class _Call:
    subscription: _Subscription
    old: ApplicationState
    new: ApplicationState


class StateManager:
    """Holds the state, keeps its lasting part in the store, and tells observers what changed. Thread-safe.

    Every observer sees the changes made since it subscribed, each once, in the order in which they were
    made: the old state of a call is the new state of the call before. Observers run outside the lock, one
    call at a time, in the order of subscription, on whichever thread is delivering: when `update_state`
    returns, the change has been delivered or another thread is about to. An observer may update the state;
    that change is delivered after the present one has reached everybody.
    """

    def __init__(self, store: DraftStore, key: str) -> None:
        """Restore what the store kept under `key`. Raises StorageError if the store cannot be read."""
        self._store = store
        self._key = key
        self._state = from_text(store.load_draft(key))
        self._lock = threading.RLock()
        self._is_updating = False
        self._subscriptions: tuple[_Subscription, ...] = ()
        self._calls: deque[_Call] = deque()
        self._is_delivering = False
        self._saving = threading.Lock()
        self._saved = self._state
        self._save_error: StorageError | None = None

    @property
    def state(self) -> ApplicationState:
        """The present state."""
        return self._state

    @property
    def save_error(self) -> StorageError | None:
        """Why the newest state could not be stored, None if it was; the next change tries again."""
        return self._save_error

    def update_state(self, updater: Updater) -> ApplicationState:
        """Replace the state by `updater(state)`, as one step; returns the new state.

        The updater runs under the lock: it must be quick and must not update the state itself (RuntimeError).
        If it raises, nothing changes. An equal state is no change.
        """
        with self._lock:
            new = self._updated(updater)
        self.save()
        self._deliver()
        return new

    def subscribe(self, observer: Observer) -> Callable[[], None]:
        """Call `observer(old, new)` at each change from now on, until the returned function is called.

        After that returned, only a call that was already on its way in another thread may still come.
        An observer that fails is logged, and stops neither the others nor the update.
        """
        subscription = _Subscription(observer)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

        def unsubscribe() -> None:
            with self._lock:
                subscription.is_active = False
                self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)

        return unsubscribe

    def _updated(self, updater: Updater) -> ApplicationState:
        if self._is_updating:
            raise RuntimeError("an updater must not update the state: return the new state instead")
        self._is_updating = True
        try:
            old, new = self._state, updater(self._state)
        finally:
            self._is_updating = False
        if new != old:
            self._state = new
            self._calls.extend(_Call(subscription, old, new) for subscription in self._subscriptions)
        return self._state

    def save(self) -> None:
        """Store the lasting part if it changed; the newest state is read inside, so the newest wins.

        Each change does it by itself; a failure is kept as `save_error`.
        """
        with self._saving:
            state = self._state
            if _lasting(state) == _lasting(self._saved):
                return
            try:
                self._store.save_draft(self._key, to_text(state))
            except StorageError as error:
                self._save_error = error
                logging.getLogger(__name__).warning("the session's state was not stored: %s", error)
            else:
                self._saved, self._save_error = state, None

    def _deliver(self) -> None:
        with self._lock:
            if self._is_delivering:
                return  # that thread, or the call below us on this one, delivers ours too
            self._is_delivering = True
        try:
            while (call := self._next_call()) is not None:
                _notify(call)
        except BaseException:  # the program ends or Streamlit stops the script: the rest goes with the next change
            self._is_delivering = False
            raise

    def _next_call(self) -> _Call | None:
        """The oldest call; if there is none, delivering ends in the same step: no change is forgotten."""
        with self._lock:
            if self._calls:
                return self._calls.popleft()
            self._is_delivering = False
            return None


def _lasting(state: ApplicationState) -> tuple[object, ...]:
    return state.view, replace(state.training, runs_version=0), state.ui


def _notify(call: _Call) -> None:
    if not call.subscription.is_active:
        return
    try:
        call.subscription.observer(call.old, call.new)
    except Exception:  # foreign code is called here: one failure must not stop the others
        logging.getLogger(__name__).exception("an observer of the session's state failed")
