"""Curves as text for other programs: CSV that no spreadsheet executes, and JSON that any reader takes."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from backend.domain.csv_cells import csv_cell
from backend.domain.curves import Damage, Numbers, Series

_ROWS_AT_ONCE = 10_000


class Curve(NamedTuple):
    """One series of one run, which is called so on the outside."""

    run: str
    series: Series


class ReadRun(NamedTuple):
    """What was read of one run, or a selection of it."""

    name: str
    series: Mapping[str, Series]
    damage: Sequence[Damage] = ()
    num_ignored_points: int = 0

    def curves(self) -> Iterator[Curve]:
        """Its series one by one."""
        return (Curve(self.name, one) for one in self.series.values())


def long_csv(curves: Iterable[Curve]) -> Iterator[str]:
    """Lines run,tag,step,wall_time,value, in the order of the curves; wall times in seconds since the epoch.

    NaN and infinities are spelt NaN, Infinity and -Infinity; numbers have as many digits as it takes to read the same
    ones back. A text that a spreadsheet might take for a formula begins with a single quote.
    """
    yield "run,tag,step,wall_time,value\n"
    for run, series in curves:
        names = f"{csv_cell(run)},{csv_cell(series.tag)}"
        for first in range(0, len(series), _ROWS_AT_ONCE):
            some = slice(first, first + _ROWS_AT_ONCE)
            rows = zip(
                series.steps[some].tolist(), _texts(series.wall_times[some]), _texts(series.values[some]), strict=True
            )
            yield "".join(f"{names},{step},{wall_time},{value}\n" for step, wall_time, value in rows)


def json_document(runs: Iterable[ReadRun], remarks: Callable[[], Sequence[str]] = tuple) -> Iterator[str]:
    """One JSON object, in pieces: runs (run -> tag -> steps, wall_times, values), and what could not be read.

    NaN and infinities are the strings "NaN", "Infinity" and "-Infinity", as in TensorBoard's JSON. `unreadable`
    holds run, file, first and last byte; `ignored_points` how many points of a run have tags that are too long or
    too many; `remarks`, asked for after
    the last run, sentences about what was not looked at.
    """
    unreadable: list[dict[str, str | int]] = []
    ignored: dict[str, int] = {}
    yield '{"runs": {'
    for index, run in enumerate(runs):
        yield f"{', ' if index else ''}{_json(run.name)}: {{"
        for number, (tag, one) in enumerate(run.series.items()):
            yield f"{', ' if number else ''}{_json(tag)}: {_json(_columns(one))}"
        yield "}"
        unreadable += [
            {"run": run.name, "file": one.file, "first_byte": one.first_byte, "last_byte": one.last_byte}
            for one in run.damage
        ]
        if run.num_ignored_points:
            ignored[run.name] = run.num_ignored_points
    rest = {"unreadable": unreadable, "ignored_points": ignored, "remarks": list(remarks())}
    yield "}, " + _json(rest)[1:] + "\n"


def spelt(value: float) -> str:
    """A number as both forms write it: exact, or NaN, Infinity, -Infinity."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _texts(numbers: Numbers) -> Iterable[str]:
    some = numbers.tolist()
    return map(repr, some) if np.isfinite(numbers).all() else map(spelt, some)


def _columns(series: Series) -> dict[str, list[int] | list[float | str]]:
    return {
        "steps": series.steps.tolist(),
        "wall_times": _json_numbers(series.wall_times),
        "values": _json_numbers(series.values),
    }


def _json_numbers(numbers: Numbers) -> list[float | str]:
    some: list[float | str] = numbers.tolist()
    for place in np.flatnonzero(~np.isfinite(numbers)).tolist():
        some[place] = spelt(float(numbers[place]))
    return some


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
