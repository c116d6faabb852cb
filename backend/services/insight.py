"""Insight: what a developer may look at: events, timings, caches, open incidents, and the container itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backend.domain.provider_node import ProviderNode
from backend.services.data_cache import CacheStatistics, DataCache
from backend.services.error_handler import ErrorHandler
from backend.services.event_bus import EventBus
from backend.services.timings import Timings


@dataclass(frozen=True, slots=True)
class Insight:
    """Holds nothing of its own."""

    bus: EventBus
    timings: Timings
    errors: ErrorHandler
    caches: Mapping[str, DataCache]
    providers: Callable[[], Sequence[ProviderNode]]

    def cache_statistics(self) -> Mapping[str, CacheStatistics]:
        """By the name of the cache."""
        return {name: cache.statistics() for name, cache in self.caches.items()}
