"""JSON values that nobody can change."""

import math
from collections.abc import Mapping
from types import MappingProxyType

JsonValue = str | int | float | bool | None | tuple["JsonValue", ...] | Mapping[str, "JsonValue"]


def frozen(value: object) -> JsonValue:
    """A deep copy in which lists are tuples and mappings read-only.

    Raises ValueError for what JSON cannot say: other types, keys that are no text, NaN and infinity.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be kept as JSON")
        return value
    if isinstance(value, Mapping):
        return frozen_mapping(value)
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    raise ValueError(f"a {type(value).__name__} cannot be kept as JSON")


def frozen_mapping(value: Mapping[str, object]) -> Mapping[str, JsonValue]:
    """The same for a mapping with text keys."""
    if not all(isinstance(key, str) for key in value):
        raise ValueError("a key that is no text cannot be kept as JSON")
    return MappingProxyType({key: frozen(item) for key, item in value.items()})


def thawed(value: JsonValue) -> object:
    """The same value as built-in lists and dicts, for json.dumps and for widgets."""
    if isinstance(value, Mapping):
        return {key: thawed(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [thawed(item) for item in value]
    return value
