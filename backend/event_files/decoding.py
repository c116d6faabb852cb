"""From records to columns: the general path, for records in any order.

Most records of an event file differ only in wall time, step and value. So one record is parsed, and what it
says about places is applied to all records of its length that equal it everywhere else, as arrays; records of
other tags with the same places go along. Of records with several values each value is taken so. Records without
company are parsed one by one.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.domain.curve_merging import Found, Points, Restart
from backend.domain.curves import MAX_TAGS, Numbers, Steps
from backend.event_files.chains import Places
from backend.event_files.event import Event, Scalar
from backend.event_files.frames import by_length, gather
from backend.event_files.layouts import MAX_LENGTH, Layout, Layouts
from backend.event_files.several_values import Parts, taken_apart
from backend.event_files.tensor import BFLOAT16, FIXED_WIDTHS, Number
from backend.event_files.wire import MalformedRecord

_MIN_GROUP = 8
_WORD = 8
_FEW = 256  # a layout pays if it explains one of so many remaining records ...
_MAX_MISSES = 8  # ... and after so many that did not, the rest is parsed one by one
_ROWS_PER_MISS = 64  # a miss costs as much as parsing some records
_MANY_KINDS = 8  # of records with several values
_MIN_PER_TAG = 4  # records of a tag, on average, that make it worth to sort the records by tag
_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)  # odd, and otherwise arbitrary: spreads bits over a word

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Decoded:
    """The scalars of some records; `malformed` are the indices of records that are no events."""

    points: dict[str, Points]
    restarts: tuple[Restart, ...]
    malformed: tuple[int, ...]
    num_ignored_points: int
    others: tuple[Found, ...]


def decode(
    data: bytes, starts: Places, lengths: Places, base: int, tags: set[str], layouts: Layouts | None = None
) -> Decoded:
    """Decode the records at data[start:start+length]; `base` is the byte of the file at which data begins.

    Points of tags that are not in `tags` are ignored once MAX_TAGS are; until then new tags are added.
    `layouts` are those that were met before.
    """
    layouts = layouts or Layouts()
    columns = _Columns(base, tags)
    rest = []
    for length, members in by_length(lengths):
        left = members
        if len(members) >= _MIN_GROUP and 0 < length <= MAX_LENGTH:
            left = members[_decode_alike(data, starts[members], length, columns, layouts)]
        rest.append(left)
    left = _decode_values(data, starts, lengths, np.concatenate(rest or [starts]), columns, layouts)
    malformed = []
    for index in left.tolist():
        start = int(starts[index])
        record = data[start : start + int(lengths[index])]
        try:
            columns.add(start, record, layouts.find(record).event)
        except MalformedRecord:
            malformed.append(index)
    return columns.decoded(malformed)


def _decode_values(
    data: bytes, starts: Places, lengths: Places, some: Places, columns: "_Columns", layouts: Layouts
) -> Places:
    """Decode those of some records that have several values by the layouts of these; returns those left over."""
    short = some[(lengths[some] > 0) & (lengths[some] <= MAX_LENGTH)]
    parts = taken_apart(data, starts[short], lengths[short]) if len(short) >= _MIN_GROUP else None
    if parts is None:
        return some
    tags = set(columns.tags)
    decoded = decode(parts.data, parts.starts, parts.lengths, 0, tags, layouts)
    if decoded.malformed:  # what is wrong with one value makes the whole record void
        return some
    columns.tags.update(tags)
    columns.add_parts(decoded, parts, starts[short], lengths[short])
    is_left = np.ones(len(starts), np.bool_)
    is_left[short[parts.owners]] = False
    return some[is_left[some]]


def _decode_alike(data: bytes, starts: Places, length: int, columns: "_Columns", layouts: Layouts) -> Places:
    """Decode records of one length by layouts; returns the indices of those that are left over."""
    rows = np.zeros((len(starts), -(-length // _WORD) * _WORD), np.uint8)
    rows[:, :length] = gather(data, starts, length)
    words = rows.view(np.uint64)
    left, odd, misses = np.arange(len(starts)), [], 0
    max_misses = min(_MAX_MISSES, 1 + len(starts) // _ROWS_PER_MISS)
    while len(left) and misses < max_misses:
        layout = _found(layouts, rows[left[0], :length].tobytes())
        if layout is None:
            odd.append(left[0])
            left, misses = left[1:], misses + 1
            continue
        mask = np.frombuffer(layout.mask.ljust(rows.shape[1], b"\xff"), np.uint64)
        family = _Family(layout, words[left] & mask)
        if len(layout.event.scalars) > 1 and family.sizes[0] * _MANY_KINDS < len(left):
            odd += left[family.order].tolist()  # their values have fewer layouts than they have
            left, misses = left[~family.is_member], misses + 1
            continue
        if layout.is_plain:
            family.find_others(rows[left, :length], layouts)
        taken = left[family.order]
        columns.add_alike(family, starts[taken], length, rows[taken])
        misses += len(taken) * _FEW < len(left)
        left = left[~family.is_member]
    return np.concatenate((np.array(odd, np.int64), left))


def _found(layouts: Layouts, record: bytes) -> Layout | None:
    try:
        return layouts.find(record)
    except MalformedRecord:
        return None


class _Family:
    """Records with the same places, sorted by layout: `sizes` records of each of `layouts`, in `order`."""

    def __init__(self, layout: Layout, masked: Words) -> None:
        self._masked = masked
        self.is_member = (masked == masked[0]).all(axis=1)
        self.layouts = [layout]
        self.order = np.flatnonzero(self.is_member)
        self.sizes = [len(self.order)]

    def find_others(self, rows: Bytes, layouts: Layouts) -> None:
        """Add records of other tags."""
        if self.is_member.all():
            return
        hashes = np.zeros(len(rows), np.uint64)
        for column in self._masked.T:
            hashes = (hashes ^ column) * _FACTOR
            hashes ^= hashes >> np.uint64(29)
        _, first, kind = np.unique(hashes, return_index=True, return_inverse=True)
        if len(first) * _MIN_PER_TAG > len(rows):
            return
        found = [_found(layouts, rows[index].tobytes()) for index in first.tolist()]
        is_alike = np.array([one is not None and one.has_places_of(self.layouts[0]) for one in found])
        self.is_member = is_alike[kind] & (self._masked == self._masked[first[kind]]).all(axis=1)
        members = np.flatnonzero(self.is_member)
        self.order = members[np.argsort(kind[members], kind="stable")]
        sizes = np.bincount(kind[members], minlength=len(first)).tolist()
        self.layouts = [one for one, size in zip(found, sizes, strict=True) if one is not None and size]
        self.sizes = [size for size in sizes if size]


class _Columns:
    """Collects points per tag: whole columns, and single ones."""

    def __init__(self, base: int, tags: set[str]) -> None:
        self._base = base
        self.tags = tags
        self._columns: dict[str, list[Points]] = {}
        self._singles: dict[str, list[tuple[int, int, float, float]]] = {}
        self._restarts: list[Restart] = []
        self._num_ignored = 0
        self._others: list[Found] = []

    def add(self, start: int, record: bytes, event: Event) -> None:
        """One record. Raises MalformedRecord."""
        step, wall_time = event.step(record), event.wall_time(record)
        self._num_ignored += event.num_ignored
        if event.is_restart:
            self._restarts.append(Restart(self._base + start, step))
        for scalar in event.scalars:
            if self._wants(scalar, 1):
                point = self._base + start, step, scalar.number.read(record), wall_time
                self._singles.setdefault(scalar.tag, []).append(point)
        for tag, kind in event.others:
            self._others.append(Found(tag, kind, self._base + start, len(record), step, wall_time))

    def add_alike(self, family: _Family, starts: Places, length: int, rows: Bytes) -> None:
        """Records of one family in its order; rows of shape (n, length or more)."""
        event = family.layouts[0].event
        if not (event.scalars or event.is_restart or event.num_ignored or event.others):
            return
        positions, steps, wall_times = self._base + starts, _steps(event, rows), _wall_times(event, rows)
        values = [_numbers(scalar.number, rows) for scalar in event.scalars]
        first = 0
        for layout, size in zip(family.layouts, family.sizes, strict=True):
            some = slice(first, first + size)
            first += size
            for scalar, numbers in zip(layout.event.scalars, values, strict=True):
                if self._wants(scalar, size):
                    points = Points(positions[some], steps[some], numbers[some], wall_times[some])
                    self._columns.setdefault(scalar.tag, []).append(points)
        self._num_ignored += event.num_ignored * len(rows)
        if event.is_restart:
            self._restarts += map(Restart, positions.tolist(), steps.tolist())
        for tag, kind in event.others:
            places = zip(positions.tolist(), steps.tolist(), wall_times.tolist(), strict=True)
            self._others += [Found(tag, kind, at, length, step, wall_time) for at, step, wall_time in places]

    def add_parts(self, decoded: Decoded, parts: Parts, starts: Places, lengths: Places) -> None:
        """What the parts of some records say."""
        for tag, points in decoded.points.items():
            positions = self._base + starts[parts.owners_at(points.positions)]
            self._columns.setdefault(tag, []).append(replace(points, places=positions))
        for found in decoded.others:
            owner = int(parts.owners_at(np.array([found.offset]))[0])
            offset, length = self._base + int(starts[owner]), int(lengths[owner])
            self._others.append(replace(found, offset=offset, length=length))
        self._num_ignored += decoded.num_ignored_points

    def _wants(self, scalar: Scalar, num_records: int) -> bool:
        if len(self.tags) < MAX_TAGS:
            self.tags.add(scalar.tag)
        if scalar.tag in self.tags:
            return True
        self._num_ignored += num_records
        return False

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
    if len(columns) == 1 and bool((positions[1:] >= positions[:-1]).all()):
        return columns[0]
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
