"""Curves as one Arrow record batch: all points in three columns, all other records in five, the rest as JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from backend.domain.curves import Curves, Damage, Kind, Other, Place, Series

Array = npt.NDArray[Any]

_ABOUT = b"curves"
_POINTS = ("steps", "values", "wall_times")
_PLACES = ("place_files", "place_offsets", "place_lengths", "place_steps", "place_wall_times")
_NAMES = (*_POINTS, *_PLACES)
_KINDS = tuple(
    np.dtype(np.float64 if name in ("values", "wall_times", "place_wall_times") else np.int64) for name in _NAMES
)


def to_batch(curves: Curves) -> pa.RecordBatch:
    """One row, whose cells are the columns: each as long as it has to be. The version is not kept."""
    series = [*curves.series.values(), *(one for many in curves.ghosts.values() for one in many)]
    files = {name: number for number, name in enumerate(dict.fromkeys(place.file for place in _places(curves)))}
    columns = [[getattr(one, name) for one in series] for name in _POINTS]
    places = [(files[one.file], one.offset, one.length, one.step, one.wall_time) for one in _places(curves)]
    columns += [[np.array([place[number] for place in places], kind)] for number, kind in enumerate(_KINDS[3:])]
    cells = [_cell(column, kind) for column, kind in zip(columns, _KINDS, strict=True)]
    fields = [pa.field(name, cell.type) for name, cell in zip(_NAMES, cells, strict=True)]
    return pa.record_batch(cells, schema=pa.schema(fields, {_ABOUT: json.dumps(_about(curves, list(files)))}))


def from_batch(batch: pa.RecordBatch) -> Curves:
    """The curves of a batch, whose memory they share. Raises ValueError, KeyError or TypeError if it is another's."""
    about = json.loads(batch.schema.metadata[_ABOUT])
    take = _taker([_column(batch, number) for number in range(len(_POINTS))])
    series = {tag: take(tag, num_points) for tag, num_points in about["series"]}
    ghosts = {tag: tuple(take(tag, num_points) for num_points in many) for tag, many in about["ghosts"]}
    return Curves(
        version=1,
        series=MappingProxyType(series),
        damage=tuple(Damage(*one) for one in about["damage"]),
        num_ignored_points=about["num_ignored_points"],
        ghosts=MappingProxyType(ghosts),
        restarts=tuple(about["restarts"]),
        others=MappingProxyType(_others(about, batch)),
        num_repeats=MappingProxyType(dict(about["num_repeats"])),
    )


def _places(curves: Curves) -> Iterable[Place]:
    return (place for other in curves.others.values() for place in other.places)


def _cell(parts: Sequence[Array], kind: np.dtype[Any]) -> pa.LargeListArray:
    column = np.concatenate([np.empty(0, kind), *parts])
    return pa.LargeListArray.from_arrays(pa.array([0, len(column)], pa.int64()), pa.array(column))


def _column(batch: pa.RecordBatch, number: int) -> Array:
    """Without a copy; Arrow's own to_numpy imports pandas first."""
    cell, kind = batch.column(number).values, _KINDS[number]
    if not len(cell):
        return np.empty(0, kind)
    if cell.type.bit_width != 8 * kind.itemsize or cell.offset:
        raise ValueError(f"{cell.type} is not {kind}")
    return np.frombuffer(cell.buffers()[1], kind, len(cell))


def _about(curves: Curves, files: Sequence[str]) -> dict[str, object]:
    return {
        "series": [(tag, len(one)) for tag, one in curves.series.items()],
        "ghosts": [(tag, [len(one) for one in many]) for tag, many in curves.ghosts.items()],
        "others": [(tag, other.kind.value, len(other.places)) for tag, other in curves.others.items()],
        "files": files,
        "damage": [(one.file, one.first_byte, one.last_byte) for one in curves.damage],
        "num_ignored_points": curves.num_ignored_points,
        "restarts": curves.restarts,
        "num_repeats": list(curves.num_repeats.items()),
    }


def _taker(columns: Sequence[Array]) -> Callable[[str, int], Series]:
    """Cuts one series after the other off the columns."""
    start = 0

    def take(tag: str, num_points: int) -> Series:
        nonlocal start
        start, end = start + num_points, start + num_points
        steps, values, wall_times = (column[start - num_points : end] for column in columns)
        return Series(tag, steps, values, wall_times)

    return take


def _others(about: dict[str, Any], batch: pa.RecordBatch) -> dict[str, Other]:
    if not about["others"]:
        return {}
    files = about["files"]
    columns = [_column(batch, number) for number in range(len(_POINTS), len(_NAMES))]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    places = [Place(files[number], *rest) for number, *rest in rows]
    ends = list(accumulate((num_places for _, _, num_places in about["others"]), initial=0))
    return {
        tag: Other(tag, Kind(kind), tuple(places[start:end]))
        for (tag, kind, _), (start, end) in zip(about["others"], pairwise(ends), strict=True)
    }
