"""MemoryMonitor: how much memory the dashboard and its children hold, and what of it can be let go."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

from backend.domain.clock import Clock

FRESH_SECONDS = 1.0
RELIEF_SECONDS = 60.0  # what was just cleared fills again: no use in clearing it at every look
DEFAULT_LIMIT_BYTES = 1_000_000_000  # of the dashboard itself; what it starts may take more


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Resident bytes as measured, pages shared with others included; None where that could not be measured.

    `children_bytes` are all living descendants together: chat, examiner, the spare, and the supervisors with their
    trainers that this dashboard has started.
    """

    own_bytes: int | None
    children_bytes: int | None
    limit_bytes: int

    @property
    def is_above_limit(self) -> bool:
        """Whether the dashboard's own memory is more than it should need."""
        return self.own_bytes is not None and self.own_bytes > self.limit_bytes


@dataclass(frozen=True, slots=True)
class Relief:
    """What can be let go: caches, which fill again when they are needed, and models that nobody uses just now."""

    clear_caches: Callable[[], None] = lambda: None
    unload_unused: Callable[[], None] = lambda: None


class MemoryMonitor:
    """Measures when asked, at most once per second however many ask; no thread of its own. Safe from any thread.

    Above its limit the dashboard's caches are cleared, at most once a minute; models are unloaded only for a person
    (`free`), or by their own program when it was idle long enough.
    """

    relief = Relief()

    def __init__(
        self,
        own: Callable[[int], int | None],
        with_children: Callable[[int], int | None],
        clock: Clock,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
    ) -> None:
        self._own = own
        self._with_children = with_children
        self._clock = clock
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._measured: tuple[float, MemoryUse] | None = None
        self._relieved_at = float("-inf")

    def use(self) -> MemoryUse:
        """The memory now, or as it was less than a second ago."""
        with self._lock:
            now = self._clock.monotonic()
            if self._measured is None or now - self._measured[0] >= FRESH_SECONDS:
                self._measured = now, self._relieved(self._measure(), now)
            return self._measured[1]

    def free(self) -> int:
        """Clear the caches and unload what nobody uses; the bytes that became free, as measured."""
        before = self._measure()
        self.relief.unload_unused()
        self.relief.clear_caches()
        after = self._measure()
        with self._lock:
            self._measured = self._clock.monotonic(), after
        return max(0, _all(before) - _all(after))

    def _relieved(self, use: MemoryUse, now: float) -> MemoryUse:
        if not use.is_above_limit or now - self._relieved_at < RELIEF_SECONDS:
            return use
        self._relieved_at = now
        self.relief.clear_caches()
        return self._measure()

    def _measure(self) -> MemoryUse:
        own, tree = self._own(os.getpid()), self._with_children(os.getpid())
        children = None if own is None or tree is None else max(0, tree - own)
        return MemoryUse(own, children, self.limit_bytes)


def _all(use: MemoryUse) -> int:
    return (use.own_bytes or 0) + (use.children_bytes or 0)
