"""Curves as one Arrow record batch: all points in three columns, all other records in five, the rest as JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from backend.domain.curves import Curves, Damage, Kind, Other, Place, Series

Array = npt.NDArray[Any]

_ABOUT = b"curves"
_EMPTY = {
    name: np.empty(0, kind) for name, kind in (("steps", np.int64), ("values", np.float64), ("wall_times", np.float64))
}
_POINTS = ("steps", "values", "wall_times")
_PLACES = ("place_files", "place_offsets", "place_lengths", "place_steps", "place_wall_times")
_TYPES = (pa.int64(), pa.float64(), pa.float64(), pa.int64(), pa.int64(), pa.int64(), pa.int64(), pa.float64())


def to_batch(curves: Curves) -> pa.RecordBatch:
    """One row, whose cells are the columns: each as long as it has to be. The version is not kept."""
    series = [*curves.series.values(), *(one for many in curves.ghosts.values() for one in many)]
    files = {name: number for number, name in enumerate(dict.fromkeys(place.file for place in _places(curves)))}
    columns = [np.concatenate([_EMPTY[name], *(getattr(one, name) for one in series)]) for name in _POINTS]
    places = [(files[one.file], one.offset, one.length, one.step, one.wall_time) for one in _places(curves)]
    columns += [np.array([place[number] for place in places], object) for number in range(len(_PLACES))]
    cells = [_cell(column, kind) for column, kind in zip(columns, _TYPES, strict=True)]
    fields = [pa.field(name, cell.type) for name, cell in zip((*_POINTS, *_PLACES), cells, strict=True)]
    return pa.record_batch(cells, schema=pa.schema(fields, {_ABOUT: json.dumps(_about(curves, list(files)))}))


def from_batch(batch: pa.RecordBatch) -> Curves:
    """The curves of a batch, whose memory they share. Raises ValueError, KeyError or TypeError if it is another's."""
    about = json.loads(batch.schema.metadata[_ABOUT])
    columns = [batch.column(name).values.to_numpy() for name in (*_POINTS, *_PLACES)]
    take = _taker(columns[: len(_POINTS)])
    series = {tag: take(tag, num_points) for tag, num_points in about["series"]}
    ghosts = {tag: tuple(take(tag, num_points) for num_points in many) for tag, many in about["ghosts"]}
    return Curves(
        version=0,
        series=MappingProxyType(series),
        damage=tuple(Damage(*one) for one in about["damage"]),
        num_ignored_points=about["num_ignored_points"],
        ghosts=MappingProxyType(ghosts),
        restarts=tuple(about["restarts"]),
        others=MappingProxyType(_others(about, columns[len(_POINTS) :])),
        num_repeats=MappingProxyType(dict(about["num_repeats"])),
    )


def _places(curves: Curves) -> Iterable[Place]:
    return (place for other in curves.others.values() for place in other.places)


def _cell(column: Array, kind: pa.DataType) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array([0, len(column)], pa.int64()), pa.array(column, kind))


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


def _others(about: dict[str, Any], columns: Sequence[Array]) -> dict[str, Other]:
    files = about["files"]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    places = [Place(files[number], *rest) for number, *rest in rows]
    ends = np.cumsum([0, *(num_places for _, _, num_places in about["others"])]).tolist()
    return {
        tag: Other(tag, Kind(kind), tuple(places[start:end]))
        for (tag, kind, _), (start, end) in zip(about["others"], pairwise(ends), strict=True)
    }
