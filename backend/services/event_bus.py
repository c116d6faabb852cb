"""EventBus: tells subscribers what happened, and remembers the latest events."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from backend.domain.clock import Clock
from backend.domain.events import Event, HandlerFailed

Told = TypeVar("Told", bound=Event)
Unsubscribe = Callable[[], None]
KEPT_EVENTS = 500
MAX_DEPTH = 16  # an event that was caused by an event that was caused by ...: so long a chain is a circle
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """An event with its number, counted from 1, and the moment at which it was published."""

    number: int
    at: datetime
    event: Event


@dataclass(slots=True, eq=False)
class _Subscription:
    kind: type[Event]
    handler: Callable[[Any], object]
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class _Call:
    subscription: _Subscription
    event: Event
    depth: int


class EventBus:
    """Safe from any thread. Every handler hears all events of its type, and of the types below it, in one order.

    That order is the one in which they were published, for every handler the same. Handlers run without any lock
    held, one call at a time, on whichever thread is delivering: when `publish` returns, the event has been delivered
    or another thread is about to. A handler may publish; that event comes after those that wait already. It must be
    quick: others wait for it. One that fails is logged and told as HandlerFailed, and hurts nobody else.
    """

    def __init__(self, clock: Clock, kept_events: int = KEPT_EVENTS) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._subscriptions: tuple[_Subscription, ...] = ()
        self._calls: deque[_Call] = deque()
        self._recent: deque[Published] = deque(maxlen=kept_events)
        self._num_published = 0
        self._delivering: int | None = None  # the thread that delivers
        self._depth = 0  # of the event that is being delivered; of use to that thread only

    def publish(self, event: Event) -> None:
        """Tell whoever has subscribed by now. Raises nothing that a handler raises."""
        with self._lock:
            depth = self._depth + 1 if self._delivering == threading.get_ident() else 0
            if depth > MAX_DEPTH:
                log.error("not delivered, because handlers answer each other's events in a circle: %s", event)
                return
            self._num_published += 1
            self._recent.append(Published(self._num_published, self._clock.now(), event))
            wanted = (each for each in self._subscriptions if isinstance(event, each.kind))
            self._calls.extend(_Call(each, event, depth) for each in wanted)
        self._deliver()

    def subscribe(self, kind: type[Told], handler: Callable[[Told], object]) -> Unsubscribe:
        """Have a handler called with each event of a type that is published from now on, until the answer is called.

        After that, only a call that is already on its way in another thread may still come.
        """
        subscription = _Subscription(kind, handler)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

        def unsubscribe() -> None:
            with self._lock:
                subscription.is_active = False
                self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

        return unsubscribe

    def telling(self, event: Event) -> Callable[[], None]:
        """What publishes an event when it is called, for those who need not know the bus."""
        return lambda: self.publish(event)

    def recent(self, count: int = KEPT_EVENTS) -> tuple[Published, ...]:
        """The latest events, oldest first; no more than are kept."""
        with self._lock:
            return tuple(self._recent)[-count:] if count > 0 else ()

    def num_published(self) -> int:
        """How many events there were."""
        return self._num_published

    def num_subscriptions(self) -> int:
        """How many handlers are subscribed."""
        return len(self._subscriptions)

    def _deliver(self) -> None:
        with self._lock:
            if self._delivering is not None:
                return  # that thread, or the call below us on this one, delivers ours too
            self._delivering = threading.get_ident()
        try:
            while (call := self._next_call()) is not None:
                self._tell(call)
        except BaseException:  # the program ends or a script is stopped: the rest goes with the next event
            self._delivering = None
            raise

    def _next_call(self) -> _Call | None:
        """The oldest call; if there is none, delivering ends in the same step: no event is forgotten."""
        with self._lock:
            if self._calls:
                call = self._calls.popleft()
                self._depth = call.depth
                return call
            self._delivering = None
            return None

    def _tell(self, call: _Call) -> None:
        if not call.subscription.is_active:
            return
        handler = call.subscription.handler
        try:
            handler(call.event)
        except Exception as error:  # foreign code is called here: one failure must not stop the others
            name = getattr(handler, "__qualname__", type(handler).__name__)
            log.exception("the handler %s failed on %s", name, type(call.event).__name__)
            if not isinstance(call.event, HandlerFailed):
                self.publish(HandlerFailed(type(call.event).__name__, name, f"{type(error).__name__}: {error}"))
