"""A sweep: one order, told several times with other values of some settings. Pure."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import JsonValue

MOST_RUNS = 200
MOST_NAME = 200  # characters, as RunConfig.name
PATTERN = "{name} {settings}"
FIRST_FIELD = {"base_model": "path", "dataset": "path", "method": "name", "quantization": "name", "recipe": "name"}

Settings = Mapping[str, JsonValue]


class SweepKind(StrEnum):
    """GRID: every value of one setting with every value of the others. LIST: first values, second values, ..."""

    GRID = "grid"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting by its dotted key, with the values that it takes in turn."""

    key: str
    values: tuple[JsonValue, ...]


def num_runs(axes: Sequence[Axis], kind: SweepKind) -> int:
    """How many runs there would be, without making them; 0 for no axes."""
    lengths = [len(axis.values) for axis in axes]
    if not lengths:
        return 0
    return math.prod(lengths) if kind is SweepKind.GRID else max(lengths)


def misfit(axes: Sequence[Axis], kind: SweepKind) -> str:
    """Why these axes make no sweep, as a sentence; "" if they do."""
    if not axes:
        return "No setting is named."
    if empty := [axis.key for axis in axes if not axis.values]:
        return f"{empty[0]} has no values."
    if twice := [key for key, count in Counter(axis.key for axis in axes).items() if count > 1]:
        return f"{twice[0]} is named twice."
    lengths = sorted({len(axis.values) for axis in axes})
    if kind is SweepKind.LIST and len(lengths) > 1:
        return f"In a list every setting needs as many values as the others; here some have {lengths[0]}, some more."
    if (count := num_runs(axes, kind)) > MOST_RUNS:
        return f"It would be {count:,} runs; at most {MOST_RUNS} are started at once."
    return ""


def combinations(axes: Sequence[Axis], kind: SweepKind) -> tuple[dict[str, JsonValue], ...]:
    """The settings of each run by dotted key, the last axis changing fastest. Raises ValueError as `misfit` says."""
    if why := misfit(axes, kind):
        raise ValueError(why)
    values = [axis.values for axis in axes]
    rows: Iterable[tuple[JsonValue, ...]] = (
        itertools.product(*values) if kind is SweepKind.GRID else zip(*values, strict=True)
    )
    return tuple(dict(zip((axis.key for axis in axes), row, strict=True)) for row in rows)


def told(order: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A copy of an order, short forms allowed, with the settings. Raises ValueError for a key below a value."""
    changed: dict[str, Any] = deepcopy(dict(order))
    for key, value in settings.items():
        *path, last = key.split(".")
        place = changed
        for part in path:
            below = place.get(part)
            if isinstance(below, str) and part in FIRST_FIELD:
                below = {FIRST_FIELD[part]: below}
            if not (below is None or isinstance(below, dict)):
                raise ValueError(f"{key}: {part} has no keys below it")
            place[part] = below or {}
            place = place[part]
        place[last] = value
    return changed


def names(pattern: str, name: str, all_settings: Sequence[Settings]) -> tuple[str, ...]:
    """What each run is called: {name}, {number}, {settings} and {a.b} in the pattern are filled in; none twice."""
    made = [_name(pattern, name, number, settings) for number, settings in enumerate(all_settings, 1)]
    counts = Counter(made)
    return tuple(
        one if counts[one] == 1 else f"{one[: MOST_NAME - 8]} ({number})" for number, one in enumerate(made, 1)
    )


def _name(pattern: str, name: str, number: int, settings: Settings) -> str:
    words = ", ".join(f"{key.rpartition('.')[2]}={written(value)}" for key, value in settings.items())
    filled = {"{name}": name, "{number}": str(number), "{settings}": words}
    filled |= {f"{{{key}}}": written(value) for key, value in settings.items()}
    for field, text in filled.items():
        pattern = pattern.replace(field, text)
    return pattern.strip()[:MOST_NAME]


def written(value: JsonValue) -> str:
    """A value as people write it: 0.0002, q_proj+v_proj, yes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "+".join(written(item) for item in value)
    return "default" if value is None else str(value)
