"""The process's one container, shared by the HTTP routes and every browser session."""

import threading
from typing import Protocol

from backend.containers import build_container
from backend.services.bundle import Services
from backend.services.error_handler import ErrorHandler
from backend.services.timings import Timings


class Container(Protocol):
    """What the dashboard asks of the composition root."""

    def services(self) -> Services:
        """The services; always the same ones."""

    def errors(self) -> ErrorHandler:
        """How errors are told; there even when the services cannot be built."""

    def timings(self) -> Timings:
        """How long pages and fragments took."""

    def shutdown_resources(self) -> object:
        """End the chat's process and release the store's connections."""


class _Held:
    """The only process-wide variable: not session_state or cache_resource, whose classes go stale."""

    lock = threading.RLock()
    container: Container | None = None


def get_container() -> Container:
    """The container; the first call builds it, from whichever thread it comes."""
    with _Held.lock:
        if _Held.container is None:
            _Held.container = build_container()
        return _Held.container


def use_container(container: Container | None) -> None:
    """Put a container in place, or None to have the next call build a new one. For tests."""
    with _Held.lock:
        _Held.container = container


def close_container() -> None:
    """Release what the container holds, if one was built."""
    with _Held.lock:
        container, _Held.container = _Held.container, None
    if container is not None:
        container.shutdown_resources()


def get_services() -> Services:
    """The services of the process's container."""
    return get_container().services()


def get_errors() -> ErrorHandler:
    """How errors are told."""
    return get_container().errors()


def get_timings() -> Timings:
    """Where the durations of draws are noted."""
    return get_container().timings()
