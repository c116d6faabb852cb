"""From records to columns.

Most records of an event file differ only in wall time, step and value. So one record is parsed, and what it
says about places is applied to all records of its length that equal it everywhere else, as arrays. Records
without company are parsed one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.domain.curve_merging import Found, Points, Restart
from backend.domain.curves import MAX_TAGS, Numbers, Steps
from backend.event_files.event import Event, Scalar, parse_event
from backend.event_files.frames import Places, by_length, gather
from backend.event_files.tensor import BFLOAT16, FIXED_WIDTHS, Number
from backend.event_files.wire import MalformedRecord

_MIN_GROUP = 8
_MAX_GROUP_LENGTH = 4096
_WORD = 8
_FEW = 256  # a layout pays if it explains one of so many remaining records ...
_MAX_MISSES = 8  # ... and after so many that did not, the rest is parsed one by one

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The scalars of some records; `malformed` are the indices of records that are no events."""

    points: dict[str, Points]
    restarts: tuple[Restart, ...]
    malformed: tuple[int, ...]
    num_ignored_points: int
    others: tuple[Found, ...]


def decode(data: bytes, starts: Places, lengths: Places, base: int, tags: set[str]) -> Decoded:
    """Decode the records at data[start:start+length]; `base` is the byte of the file at which data begins.

    Points of tags that are not in `tags` are ignored once MAX_TAGS are; until then new tags are added.
    """
    columns = _Columns(base, tags)
    malformed = []
    for length, members in by_length(lengths):
        left = members
        if len(members) >= _MIN_GROUP and 0 < length <= _MAX_GROUP_LENGTH:
            left = members[_decode_alike(data, starts[members], length, columns)]
        for index in left.tolist():
            start = int(starts[index])
            try:
                columns.add(start, data[start : start + length])
            except MalformedRecord:
                malformed.append(index)
    return columns.decoded(malformed)


def _decode_alike(data: bytes, starts: Places, length: int, columns: "_Columns") -> Places:
    """Decode records of one length by layouts; returns the indices of those that are left over."""
    rows = np.zeros((len(starts), -(-length // _WORD) * _WORD), np.uint8)
    rows[:, :length] = gather(data, starts, length)
    words = rows.view(np.uint64)
    left, odd, misses = np.arange(len(starts)), [], 0
    while len(left) and misses < _MAX_MISSES:
        event = _parsed(rows[left[0], :length].tobytes())
        if event is None:
            odd.append(left[0])
            left, misses = left[1:], misses + 1
            continue
        mask = _outside_of_places(event, rows.shape[1]).view(np.uint64)
        is_alike = ~((words[left] ^ words[left[0]]) & mask).any(axis=1)
        alike = left[is_alike]
        columns.add_alike(event, starts[alike], length, rows[alike])
        misses += len(alike) * _FEW < len(left)
        left = left[~is_alike]
    return np.concatenate((np.array(odd, np.int64), left))


def _parsed(record: bytes) -> Event | None:
    try:
        return parse_event(record)
    except MalformedRecord:
        return None


def _outside_of_places(event: Event, width: int) -> Bytes:
    """Ones for the bits that make up a layout: all but numbers, wall time and the digits of the step."""
    mask = np.full(width, 0xFF, np.uint8)
    if event.wall_time_at >= 0:
        mask[event.wall_time_at : event.wall_time_at + 8] = 0
    mask[slice(*event.step_at)] = 0x80  # the bit that says how long the step is
    for scalar in event.scalars:
        if scalar.number.raw:
            start = scalar.number.start
            mask[start : start + FIXED_WIDTHS[scalar.number.raw]] = 0
    return mask


class _Columns:
    """Collects points per tag: whole columns, and single ones."""

    def __init__(self, base: int, tags: set[str]) -> None:
        self._base = base
        self._tags = tags
        self._columns: dict[str, list[Points]] = {}
        self._singles: dict[str, list[tuple[int, int, float, float]]] = {}
        self._restarts: list[Restart] = []
        self._num_ignored = 0
        self._others: list[Found] = []

    def add(self, start: int, record: bytes) -> None:
        """One record. Raises MalformedRecord."""
        event = parse_event(record)
        step, wall_time = event.step(record), event.wall_time(record)
        self._num_ignored += event.num_ignored
        if event.is_restart:
            self._restarts.append(Restart(self._base + start, step))
        for scalar in self._wanted(event, 1):
            point = self._base + start, step, scalar.number.read(record), wall_time
            self._singles.setdefault(scalar.tag, []).append(point)
        for tag, kind in event.others:
            self._others.append(Found(tag, kind, self._base + start, len(record), step, wall_time))

    def add_alike(self, event: Event, starts: Places, length: int, rows: Bytes) -> None:
        """Records of one layout; rows of shape (n, length or more)."""
        if not (event.scalars or event.is_restart or event.num_ignored or event.others):
            return
        positions, steps, wall_times = self._base + starts, _steps(event, rows), _wall_times(event, rows)
        self._num_ignored += event.num_ignored * len(rows)
        if event.is_restart:
            self._restarts += map(Restart, positions.tolist(), steps.tolist())
        for scalar in self._wanted(event, len(rows)):
            points = Points(positions, steps, _numbers(scalar.number, rows), wall_times)
            self._columns.setdefault(scalar.tag, []).append(points)
        for tag, kind in event.others:
            self._others += [
                Found(tag, kind, position, length, step, wall_time)
                for position, step, wall_time in zip(positions.tolist(), steps.tolist(), wall_times.tolist(), strict=True)
            ]

    def _wanted(self, event: Event, num_records: int) -> Iterator[Scalar]:
        for scalar in event.scalars:
            if len(self._tags) < MAX_TAGS:
                self._tags.add(scalar.tag)
            if scalar.tag in self._tags:
                yield scalar
            else:
                self._num_ignored += num_records

    def decoded(self, malformed: list[int]) -> Decoded:
        """Everything in the order of writing."""
        for tag, singles in self._singles.items():
            positions, steps, values, wall_times = zip(*singles, strict=True)
            points = Points(
                np.array(positions, np.int64),
                np.array(steps, np.int64),
                np.array(values, np.float64),
                np.array(wall_times, np.float64),
            )
            self._columns.setdefault(tag, []).append(points)
        in_order = [(tag, _in_order(columns)) for tag, columns in self._columns.items()]
        points_of = dict(sorted(in_order, key=lambda item: int(item[1].positions[0])))
        restarts = tuple(sorted(self._restarts, key=lambda restart: restart.position))
        others = tuple(sorted(self._others, key=lambda found: found.offset))
        return Decoded(points_of, restarts, tuple(sorted(malformed)), self._num_ignored, others)


def _in_order(columns: list[Points]) -> Points:
    """Columns of one tag as one, by position; two values in one record keep their order."""
    positions = np.concatenate([points.positions for points in columns])
    order = np.argsort(positions, kind="stable")
    return Points(
        positions[order],
        np.concatenate([points.steps for points in columns])[order],
        np.concatenate([points.values for points in columns])[order],
        np.concatenate([points.wall_times for points in columns])[order],
    )


def _steps(event: Event, rows: Bytes) -> Steps:
    steps = np.zeros(len(rows), np.uint64)
    for place, column in enumerate(range(*event.step_at)):
        steps |= (rows[:, column] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return steps.view(np.int64)


def _wall_times(event: Event, rows: Bytes) -> Numbers:
    if event.wall_time_at < 0:
        return np.zeros(len(rows))
    return _numbers(Number("<f8", event.wall_time_at), rows)


def _numbers(number: Number, rows: Bytes) -> Numbers:
    if not number.raw:
        return np.full(len(rows), number.literal)
    columns = np.ascontiguousarray(rows[:, number.start : number.start + FIXED_WIDTHS[number.raw]])
    with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
        if number.raw == BFLOAT16:  # the upper half of a float32
            return (columns.view("<u2")[:, 0].astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
        return columns.view(number.raw)[:, 0].astype(np.float64)
