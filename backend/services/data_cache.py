"""DataCache: results of slow questions, kept for a while and computed once however many ask."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from backend.domain.clock import Clock
from backend.domain.events import Event
from backend.services.event_bus import EventBus, Unsubscribe

Value = TypeVar("Value")
Key = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    value: object
    until: float  # monotonic seconds


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Counted since the start. `hits` were answered from memory or by a computation that went on already."""

    num_entries: int
    max_entries: int
    hits: int
    misses: int
    invalidations: int


class DataCache:
    """Safe from any thread. Keys are tuples, so that everything below a prefix can be invalidated at once.

    A value is kept `ttl_seconds` from the moment it was there; of more than `max_entries` the ones asked for least
    recently go. A failure reaches everyone who waited for it and is not kept. An invalidated key is computed again by
    the next who asks, even while an older computation is still going on, whose result only those get who already wait.
    """

    def __init__(self, clock: Clock, ttl_seconds: float = 60.0, max_entries: int = 1_024) -> None:
        assert ttl_seconds > 0
        assert max_entries > 0
        self._clock = clock
        self._ttl_seconds = ttl_seconds
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._running: dict[Key, Future[Any]] = {}
        self._hits = self._misses = self._invalidations = 0

    def __len__(self) -> int:
        """How many values are held, outdated ones that nobody asked for since included."""
        return len(self._kept)

    def get_or_compute(self, key: Key, compute: Callable[[], Value]) -> Value:
        """The value of a key, at most `ttl_seconds` old. What `compute` raises is raised here.

        `compute` must not ask for its own key.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and self._clock.monotonic() < kept.until:
                self._hits += 1
                self._kept.move_to_end(key)
                return cast("Value", kept.value)
            running = self._running.get(key)
            if running is not None:
                self._hits += 1
            else:
                self._misses += 1
                mine: Future[Value] = Future()
                self._running[key] = mine
        if running is not None:
            return cast("Value", running.result())
        return self._computed(key, compute, mine)

    def invalidate(self, prefix: Key = ()) -> None:
        """Forget a key and all that begin with it; the empty prefix forgets everything."""
        with self._lock:
            self._invalidations += 1
            for key in [key for key in self._kept if key[: len(prefix)] == prefix]:
                del self._kept[key]
            for key in [key for key in self._running if key[: len(prefix)] == prefix]:
                del self._running[key]

    def invalidate_on(self, bus: EventBus, kind: type[Event], prefix: Key = ()) -> Unsubscribe:
        """Forget everything below a prefix whenever an event of a type is published."""
        return bus.subscribe(kind, lambda _: self.invalidate(prefix))

    def statistics(self) -> CacheStatistics:
        """How it has done so far."""
        with self._lock:
            return CacheStatistics(len(self._kept), self._max_entries, self._hits, self._misses, self._invalidations)

    def _computed(self, key: Key, compute: Callable[[], Value], mine: Future[Value]) -> Value:
        try:
            value = compute()
        except BaseException as error:
            self._end(key, mine)
            mine.set_exception(error)
            raise
        with self._lock:
            if self._running.get(key) is mine:
                self._keep(key, value)
        self._end(key, mine)
        mine.set_result(value)
        return value

    def _end(self, key: Key, mine: Future[Any]) -> None:
        with self._lock:
            if self._running.get(key) is mine:
                del self._running[key]

    def _keep(self, key: Key, value: object) -> None:
        self._kept[key] = _Kept(value, self._clock.monotonic() + self._ttl_seconds)
        self._kept.move_to_end(key)
        while len(self._kept) > self._max_entries:
            self._kept.popitem(last=False)
