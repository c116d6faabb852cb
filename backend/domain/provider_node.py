"""A provider of the container, as a developer looks at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderNode:
    """`kind` is the class or function that makes it, `given` are the names of the providers that it is given."""

    name: str
    kind: str
    given: tuple[str, ...]
    is_built: bool
