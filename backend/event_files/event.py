"""What an Event message says about scalars and restarts, as places inside the record.

Source: tensorflow `core/util/event.proto` and `core/framework/summary.proto`. Which places there are depends
on the bytes outside of them only, so one parsed record explains every record that differs only inside its
places.
"""

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from backend.domain.curves import MAX_TAG_LENGTH, Kind
from backend.event_files.tensor import Number, number_in_tensor
from backend.event_files.wire import BYTES, FIXED32, FIXED64, VARINT, fields, signed, varint

_WALL_TIME, _STEP, _SUMMARY, _SESSION_LOG = 1, 2, 5, 7
_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR, _METADATA = 1, 2, 8, 9
_PLUGIN, _PLUGIN_NAME = 1, 1
_OTHER_VALUES = {3: Kind.HISTOGRAM, 4: Kind.IMAGE, 5: Kind.HISTOGRAM, 6: Kind.AUDIO}  # with the two above, one is set
_PLUGINS = {
    b"text": Kind.TEXT,
    b"histograms": Kind.HISTOGRAM,
    b"images": Kind.IMAGE,
    b"audio": Kind.AUDIO,
    b"hparams": Kind.HPARAMS,
}
_STATUS, _START = 1, 1
_STEP_AT = 10  # behind a key, the wall time, and a key
_BYTES_PER_CHARACTER = 4


class Scalar(NamedTuple):
    """A tag, and where its number lies."""

    tag: str
    number: Number


@dataclass(slots=True)
class Event:
    """The places of one record; an absent wall time (-1) or step (0, 0) means zero."""

    wall_time_at: int = -1
    step_at: tuple[int, int] = (0, 0)
    is_restart: bool = False
    is_in_order: bool = True  # each field once at most, wall time and step next to one another
    scalars: list[Scalar] = field(default_factory=list)
    others: list[tuple[str, Kind | None]] = field(default_factory=list)  # no kind: the record does not say
    num_ignored: int = 0

    def wall_time(self, record: bytes) -> float:
        """Seconds since the epoch."""
        if self.wall_time_at < 0:
            return 0.0
        seconds: float = struct.unpack_from("<d", record, self.wall_time_at)[0]
        return seconds

    def step(self, record: bytes) -> int:
        """The step, from -2**63 to 2**63 - 1."""
        start, end = self.step_at
        return signed(varint(record, start, end)[0]) if end else 0

    def shifted(self, step_at: tuple[int, int], num_bytes: int) -> "Event":
        """The same scalars, behind a step that takes so many bytes more."""
        scalars = [Scalar(one.tag, one.number.shifted(num_bytes)) for one in self.scalars]
        return Event(self.wall_time_at, step_at, is_in_order=self.is_in_order, scalars=scalars)


def parse_event(record: bytes) -> Event:
    """Find the places of a record. Raises MalformedRecord."""
    event = Event()
    num_times = num_steps = 0
    for number, wire_type, start, end in fields(record, 0, len(record)):
        if (number, wire_type) == (_WALL_TIME, FIXED64):
            event.wall_time_at = start
            num_times += 1
        elif (number, wire_type) == (_STEP, VARINT):
            event.step_at = (start, end)
            num_steps += 1
        elif (number, wire_type) == (_SUMMARY, BYTES):
            _add_summary(event, record, start, end)
        elif (number, wire_type) == (_SESSION_LOG, BYTES):
            event.is_restart = _is_start(record, start, end)
    is_first = num_times == 1 and event.wall_time_at == 1
    event.is_in_order = is_first and num_steps <= 1 and event.step_at[0] in {0, _STEP_AT}
    return event


def _is_start(record: bytes, start: int, end: int) -> bool:
    status = 0
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_STATUS, VARINT):
            status = varint(record, first, stop)[0]
    return status == _START


def _add_summary(event: Event, record: bytes, start: int, end: int) -> None:
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_VALUE, BYTES):
            value = _value(record, first, stop)
            if value.tag is None:
                event.num_ignored += value.number is not None
            elif value.number is not None:
                event.scalars.append(Scalar(value.tag, value.number))
            elif value.is_other:
                event.others.append((value.tag, value.kind))


@dataclass(slots=True)
class _Value:
    """One Summary.Value: no tag if it is too long, no number if it is no scalar."""

    tag: str | None = ""
    number: Number | None = None
    is_other: bool = False
    kind: Kind | None = None


def _value(record: bytes, start: int, end: int) -> _Value:
    value = _Value()
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_TAG, BYTES):
            value.tag = _tag(record, first, stop)
        elif (number, wire_type) == (_SIMPLE_VALUE, FIXED32):
            value.number = Number("<f4", first)
        elif (number, wire_type) == (_TENSOR, BYTES):
            value.number, value.is_other = number_in_tensor(record, first, stop), True
        elif number in _OTHER_VALUES:
            value.number, value.is_other, value.kind = None, True, _OTHER_VALUES[number]
        elif (number, wire_type) == (_METADATA, BYTES):
            value.kind = _PLUGINS.get(_plugin(record, first, stop), value.kind)
            value.is_other |= value.kind is not None  # hyperparameters lie in the metadata
    return value


def _plugin(record: bytes, start: int, end: int) -> bytes:
    name = b""
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_PLUGIN, BYTES):
            for inner, inner_type, at, stop_at in fields(record, first, stop):
                if (inner, inner_type) == (_PLUGIN_NAME, BYTES):
                    name = record[at:stop_at]
    return name


def _tag(record: bytes, start: int, end: int) -> str | None:
    if end - start > MAX_TAG_LENGTH * _BYTES_PER_CHARACTER:
        return None
    tag = record[start:end].decode(errors="replace")
    return tag if len(tag) <= MAX_TAG_LENGTH else None
