"""Services of which one breaks or hangs: what a view meets when something behind it does."""

import threading
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from backend.services.bundle import Services


class Instead:
    """A composition root with other services than its own, and everything else as it is."""

    def __init__(self, container: Any, services: Services) -> None:
        self._container, self._services = container, services

    def services(self) -> Services:
        return self._services

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)


class Between:
    """Stands before a service, and what else of ours it is made of, and does something of its own with each call."""

    def __init__(self, service: Any, meet: Callable[[], None]) -> None:
        self._service, self._meet = service, meet

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._service, name)
        if type(found).__module__.startswith("backend.services."):
            return Between(found, self._meet)
        if not callable(found):
            return found

        def called(*args: Any, **kwargs: Any) -> Any:
            self._meet()
            return found(*args, **kwargs)

        return called

    def __len__(self) -> int:
        self._meet()
        return len(self._service)


def watched(services: Services) -> tuple[Services, set[str]]:
    """The same services, and the names of those that are called from now on."""
    called: set[str] = set()

    def note(name: str) -> Callable[[], None]:
        return lambda: called.add(name)

    between = {field.name: Between(getattr(services, field.name), note(field.name)) for field in fields(services)}
    return replace(services, **between), called


def breaking(services: Services, name: str, error: Exception) -> Services:
    """The same services, one of which raises whatever it is asked."""

    def fail() -> None:
        raise error

    return replace(services, **{name: Between(getattr(services, name), fail)})


def hanging(services: Services, name: str, release: threading.Event) -> tuple[Services, threading.Event]:
    """The same services, one of which does not answer before it is released; and the event that somebody asked it."""
    asked = threading.Event()

    def hang() -> None:
        asked.set()
        assert release.wait(60), "a test did not release what it had hang"

    return replace(services, **{name: Between(getattr(services, name), hang)}), asked
