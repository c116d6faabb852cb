"""Runs that differ in nothing but what does not matter, put together for a mean and a band."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

ALL_BUT_SEED = "everything but the seed"
SEED = "training.seed"
NO_IDENTITY = frozenset({"name", SEED, "schema_version"})  # what does not make another experiment
UNKNOWN = "unknown"
MAX_NAMED = 3  # differing settings in the name of a group

Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Sources that belong together, under a name that tells them from the other groups."""

    name: str
    sources: tuple[str, ...]


def flatten(config: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """A run's configuration as "training.learning_rate" -> "0.0002", lists in one text, None left out."""
    flat: dict[str, str] = {}
    for name, value in config.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{path}.")
        elif isinstance(value, float):
            flat[path] = _number(value)
        elif value is not None:
            flat[path] = str(value)
    return flat


def _number(value: float) -> str:
    """Short where that says all: two values that differ must not look alike, or they would share a mean."""
    short = f"{value + 0.0:g}"  # no minus before a zero
    return short if float(short) == value else repr(value)


def differing(all_settings: Sequence[Settings]) -> tuple[str, ...]:
    """The keys that not all have alike, without the run's name; sorted. Fewer than two have none."""
    if not all_settings:
        return ()
    keys = set(chain.from_iterable(all_settings)) - {"name", "schema_version"}
    first = all_settings[0]
    return tuple(sorted(key for key in keys if any(one.get(key) != first.get(key) for one in all_settings)))


def group_choices(all_settings: Sequence[Settings]) -> tuple[str, ...]:
    """What one can group these by: everything but the seed, then every setting in which they differ."""
    return (ALL_BUT_SEED, *(key for key in differing(all_settings) if key != SEED))


def group(settings: Mapping[str, Settings], by: str) -> tuple[Group, ...]:
    """Each source in exactly one group, in the order of first appearance; what has no settings stays alone."""
    together: dict[object, list[str]] = {}
    for source, own in settings.items():
        together.setdefault(_identity(source, own, by), []).append(source)
    members = list(together.values())
    names = _names([settings[sources[0]] for sources in members], by)
    return tuple(Group(name, tuple(sources)) for name, sources in zip(names, members, strict=True))


def _identity(source: str, own: Settings, by: str) -> object:
    if not own:
        return source
    if by == ALL_BUT_SEED:
        return frozenset((key, value) for key, value in own.items() if key not in NO_IDENTITY)
    return by, own.get(by, UNKNOWN)


def _names(firsts: Sequence[Settings], by: str) -> list[str]:
    if by != ALL_BUT_SEED:
        return [f"{_last(by)} {own.get(by, UNKNOWN)}" if own else "" for own in firsts]
    known = [own for own in firsts if own]
    keys = [key for key in differing(known) if key not in NO_IDENTITY]
    common = [key for key in keys if all(key in own for own in known)]  # a method's own knobs follow from its name
    return [_name(own, common or keys) for own in firsts]


def _name(own: Settings, keys: Sequence[str]) -> str:
    told = [f"{_last(key)} {own[key]}" for key in keys if key in own]
    rest = f", {len(told) - MAX_NAMED} more" if len(told) > MAX_NAMED else ""
    return ", ".join(told[:MAX_NAMED]) + rest


def _last(key: str) -> str:
    """The last part of a key, with the one before where it says nothing alone: method.name -> method."""
    parts = key.split(".")
    return parts[-2] if parts[-1] in ("name", "path") and len(parts) > 1 else parts[-1]
