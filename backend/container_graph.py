"""The graph of a container: who is given what, and what was built already."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Protocol, TypeVar

from dependency_injector.providers import ThreadSafeSingleton

from backend.domain.provider_node import ProviderNode
from backend.services.bundle import Services

T = TypeVar("T")


class Once(ThreadSafeSingleton[T]):
    """A provider that builds its object when somebody first asks, once, and remembers that it did."""

    is_built = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - typed by Provider[...] where it is declared
        """The object."""
        built = super().__call__(*args, **kwargs)
        self.is_built = True
        return built


class _Providing(Protocol):
    """A provider of dependency-injector, of which nothing else is asked here."""

    related: Iterable[Any]
    provides: object


class _Container(Protocol):
    providers: Mapping[str, Any]


def graph(container: _Container) -> tuple[ProviderNode, ...]:
    """Every named provider, in the order in which the container names them."""
    names = {id(provider): name for name, provider in container.providers.items()}
    return tuple(_node(name, provider, names) for name, provider in container.providers.items())


def _node(name: str, provider: Any, names: Mapping[int, str]) -> ProviderNode:  # noqa: ANN401 - any kind of provider
    replaced = provider.last_overriding
    made = getattr(replaced or provider, "provides", None)
    kind = getattr(made, "__qualname__", None) or type(made).__name__
    is_built = replaced is not None or bool(getattr(provider, "is_built", False))
    return ProviderNode(name, kind, tuple(sorted(set(_given(provider, names)))), is_built)


def _given(provider: _Providing, names: Mapping[int, str]) -> Iterator[str]:
    """The named providers that one is given, directly or through anonymous ones."""
    for other in provider.related:
        if id(other) in names:
            yield names[id(other)]
        else:
            yield from _given(other, names)


def asked_fields(declared: Mapping[str, object]) -> dict[str, object]:
    """What Services asks for, by name: each of its fields has a provider of the same name."""
    return {field.name: declared[field.name] for field in fields(Services) if field.name in declared}


def opened(_opened: None, _connected: None, _following: None, services: Services) -> Services:
    """The bundle, after everything around it."""
    return services
