"""CurveWatcher: tells listeners what was appended to folders of event files, within moments of it."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.clock import Clock
from backend.domain.curves import Curves

Listener = Callable[[Curves], None]

LOOK_SECONDS = 0.25  # between two looks at a folder that grows
QUIET_LOOK_SECONDS = 2.0  # at one that has not grown for QUIET_AFTER_SECONDS, when many are watched
QUIET_AFTER_SECONDS = 60.0
FEW = 16  # so many folders cost next to nothing: they are looked at often even when they are quiet
REST_FACTOR = 1.0  # a round of looks is followed by a rest as long as it took: half a core at most
MAX_REST_SECONDS = 2.0
CLOSE_SECONDS = 5.0  # how long closing waits for a listener that is being told
log = logging.getLogger(__name__)


class Subscription:
    """A listener's interest in one folder, until it is closed; closing twice is fine, from any thread."""

    def __init__(self, listener: Listener, end: Callable[["Subscription"], None]) -> None:
        self._listener = listener
        self._end = end
        self._told: Curves | None = None
        self.is_closed = False

    def close(self) -> None:
        """No call begins after this; one that has begun may still be on its way in the watching thread."""
        self.is_closed = True
        self._end(self)

    def tell(self, curves: Curves) -> None:
        """Call the listener, once for each new object. What it raises is logged and hurts nobody else."""
        if self.is_closed or curves is self._told:
            return
        self._told = curves
        try:
            self._listener(curves)
        except Exception:  # a foreign function: the others want to be told
            log.exception("A listener of curves failed.")


@dataclass(slots=True, eq=False)
class _Watched:
    grown_at: float  # monotonic; at first the moment of subscribing
    due_at: float
    told: Curves | None = None
    subscriptions: list[Subscription] = field(default_factory=list)


class CurveWatcher:
    """One thread, alive only while somebody is subscribed. Safe from any thread.

    `read` gives the curves of a folder: the same object while nothing was added. Listeners are called from the
    watching thread, without any lock held; a slow one delays the others.
    """

    def __init__(self, read: Callable[[Path], Curves], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._changed = threading.Condition()
        self._watched: dict[Path, _Watched] = {}
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def subscribe(self, folder: Path, listener: Listener) -> Subscription:
        """Have a listener called with what there is now, then with everything new, until the subscription is closed.

        The folder need not exist yet. After `close` nobody is called.
        """
        key = folder.absolute()
        subscription = Subscription(listener, lambda one: self._remove(key, one))
        with self._changed:
            now = self._clock.monotonic()
            watched = self._watched.setdefault(key, _Watched(now, now))
            watched.due_at = now
            watched.subscriptions.append(subscription)
            self._start()
            self._changed.notify_all()
        return subscription

    def is_watched(self, folder: Path) -> bool:
        """Whether somebody is subscribed to a folder, given by its absolute path."""
        return folder in self._watched

    def close(self) -> None:
        """Forget all subscriptions and end the thread; it is not waited for longer than CLOSE_SECONDS."""
        with self._changed:
            self._is_closed = True
            for watched in self._watched.values():
                for subscription in watched.subscriptions:
                    subscription.is_closed = True
            self._watched.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)

    def _start(self) -> None:
        if self._thread is None and not self._is_closed:
            self._thread = threading.Thread(target=self._watch, name="curve-watcher", daemon=True)
            self._thread.start()

    def _remove(self, key: Path, subscription: Subscription) -> None:
        with self._changed:
            watched = self._watched.get(key)
            if watched is not None and subscription in watched.subscriptions:
                watched.subscriptions.remove(subscription)
                if not watched.subscriptions:
                    del self._watched[key]
                    self._changed.notify_all()

    def _watch(self) -> None:
        while (due := self._wait()) is not None:
            began = self._clock.monotonic()
            for key, watched in due:
                self._look(key, watched)
            self._rest(self._clock.monotonic() - began)

    def _wait(self) -> list[tuple[Path, _Watched]] | None:
        """The folders whose turn it is, as soon as there are any; None when there is nobody left to tell."""
        with self._changed:
            while self._watched and not self._is_closed:
                now = self._clock.monotonic()
                due = [item for item in self._watched.items() if item[1].due_at <= now]
                if due:
                    return due
                self._changed.wait(max(0.0, min(one.due_at for one in self._watched.values()) - now))
            self._thread = None  # under the lock: whoever subscribes next starts another
            return None

    def _rest(self, spent_seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or not self._watched, min(spent_seconds * REST_FACTOR, MAX_REST_SECONDS)
            )

    def _look(self, key: Path, watched: _Watched) -> None:
        began = self._clock.monotonic()
        curves: Curves | None
        try:
            curves = self._read(key)
        except Exception:  # whatever one folder does, the others are watched on
            log.exception("The curves in %s could not be read.", key)
            curves = watched.told
        with self._changed:
            if curves is not None and curves is not watched.told:
                is_growing = watched.told is not None or self._is_recent(curves)
                watched.grown_at = began if is_growing else began - QUIET_AFTER_SECONDS
                watched.told = curves
            watched.due_at = began + self._pause(watched, began)
            listeners = list(watched.subscriptions)
        if curves is not None:
            for subscription in listeners:
                subscription.tell(curves)

    def _is_recent(self, curves: Curves) -> bool:
        """Whether a folder that is seen for the first time seems to be written at the moment, or soon."""
        newest = max((float(one.wall_times[-1]) for one in curves.series.values() if len(one)), default=None)
        return newest is None or not newest + QUIET_AFTER_SECONDS < self._clock.now().timestamp()

    def _pause(self, watched: _Watched, now: float) -> float:
        is_quiet = now - watched.grown_at >= QUIET_AFTER_SECONDS and len(self._watched) > FEW
        return QUIET_LOOK_SECONDS if is_quiet else LOOK_SECONDS
