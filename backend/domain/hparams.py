"""The hparams table: a row for each run, a column for each setting that differs and each metric. Pure."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.domain.config_diff import NotAKnob, Told, compare_configs
from backend.domain.run_config import RunConfig
from backend.domain.run_results import Point

Cell = float | str | None  # None: not said, not measured, no such knob
FAR_APART = 20.0  # times: positive numbers that span more are told apart on a logarithmic axis only


@dataclass(frozen=True, slots=True)
class Column:
    """A setting by its dotted key, or a metric by its tag, with a cell for each run.

    All cells are numbers (or None) where `is_number`. `is_log`: its axis is better logarithmic.
    """

    name: str
    cells: tuple[Cell, ...]
    is_number: bool
    is_log: bool
    is_metric: bool = False


@dataclass(frozen=True, slots=True)
class HparamsTable:
    """Settings first, in the order of the model, then metrics. `unreadable` rows have no configuration."""

    columns: tuple[Column, ...]
    unreadable: tuple[int, ...]
    num_equal: int


def hparams_table(configs: Sequence[RunConfig | None], metrics: Mapping[str, Sequence[Point | None]]) -> HparamsTable:
    """What differs among runs, beside what came out. `metrics` has a point for each run under each tag.

    A run whose configuration cannot be read (None) keeps its row. A value that is not finite is no number here.
    """
    known = [config for config in configs if config is not None]
    places = [place for place, config in enumerate(configs) if config is not None]
    diff = compare_configs(known)
    settings = [
        _column(row.key, _spread(row.values, places, len(configs)))
        for row in diff.differences
        if not row.is_choice_alone
    ]
    results = [
        _column(tag, tuple(point.value if point and point.is_finite else None for point in points), is_metric=True)
        for tag, points in metrics.items()
    ]
    unreadable = tuple(place for place, config in enumerate(configs) if config is None)
    return HparamsTable((*settings, *results), unreadable, diff.num_equal)


def _spread(values: Sequence[Told], places: Sequence[int], num_rows: int) -> tuple[Cell, ...]:
    cells: list[Cell] = [None] * num_rows
    for place, value in zip(places, values, strict=True):
        cells[place] = cell(value)
    return tuple(cells)


def cell(value: Told) -> Cell:
    """A setting in a table: numbers as they are, everything else in words."""
    if isinstance(value, NotAKnob):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return words(value)


def words(value: Told) -> str:
    """A setting as a person reads it: texts as they are, the rest as in run.yaml."""
    if isinstance(value, str | NotAKnob):
        return str(value)
    if value is None:
        return "none"
    return json.dumps(value, ensure_ascii=False)


def _column(name: str, cells: tuple[Cell, ...], *, is_metric: bool = False) -> Column:
    said = [one for one in cells if one is not None]
    numbers = [one for one in said if isinstance(one, float)]
    if len(numbers) < len(said):
        plain = tuple(_plain(one) for one in cells)
        return Column(name, plain, is_number=False, is_log=False, is_metric=is_metric)
    is_log = bool(numbers) and min(numbers) > 0 and _span(numbers) >= FAR_APART
    return Column(name, cells, is_number=True, is_log=is_log, is_metric=is_metric)


def _span(numbers: Sequence[float]) -> float:
    low, high = min(numbers), max(numbers)
    return math.inf if low == 0 else high / low


def _plain(one: Cell) -> Cell:
    """A number among words, such as the steps of one run where another has none."""
    return f"{one:g}" if isinstance(one, float) else one
