"""What an Event message says about scalars and restarts, as places inside the record.

Source: tensorflow `core/util/event.proto` and `core/framework/summary.proto`. Which places there are depends
on the bytes outside of them only, so one parsed record explains every record that differs only inside its
places.
"""

import struct
from dataclasses import dataclass, field

from backend.domain.curves import MAX_TAG_LENGTH
from backend.event_files.tensor import Number, number_in_tensor
from backend.event_files.wire import BYTES, FIXED32, FIXED64, VARINT, fields, signed, varint

_WALL_TIME, _STEP, _SUMMARY, _SESSION_LOG = 1, 2, 5, 7
_VALUE = 1
_TAG, _SIMPLE_VALUE, _TENSOR = 1, 2, 8
_OTHER_VALUES = {3, 4, 5, 6}  # old histogram, image, histogram, audio: with the two above, one of them is set
_STATUS, _START = 1, 1
_BYTES_PER_CHARACTER = 4


@dataclass(frozen=True, slots=True)
class Scalar:
    """A tag, and where its number lies."""

    tag: str
    number: Number


@dataclass(slots=True)
class Event:
    """The places of one record; an absent wall time (-1) or step (0, 0) means zero."""

    wall_time_at: int = -1
    step_at: tuple[int, int] = (0, 0)
    is_restart: bool = False
    scalars: list[Scalar] = field(default_factory=list)
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


def parse_event(record: bytes) -> Event:
    """Find the places of a record. Raises MalformedRecord."""
    event = Event()
    for number, wire_type, start, end in fields(record, 0, len(record)):
        if (number, wire_type) == (_WALL_TIME, FIXED64):
            event.wall_time_at = start
        elif (number, wire_type) == (_STEP, VARINT):
            event.step_at = (start, end)
        elif (number, wire_type) == (_SUMMARY, BYTES):
            _add_summary(event, record, start, end)
        elif (number, wire_type) == (_SESSION_LOG, BYTES):
            event.is_restart = _is_start(record, start, end)
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
            tag, value = _value(record, first, stop)
            if value is None:
                continue
            if tag is None:
                event.num_ignored += 1
            else:
                event.scalars.append(Scalar(tag, value))


def _value(record: bytes, start: int, end: int) -> tuple[str | None, Number | None]:
    """Tag and number of one Summary.Value: no tag if it is too long, no number if it is no scalar."""
    tag: str | None = ""
    value: Number | None = None
    for number, wire_type, first, stop in fields(record, start, end):
        if (number, wire_type) == (_TAG, BYTES):
            tag = _tag(record, first, stop)
        elif (number, wire_type) == (_SIMPLE_VALUE, FIXED32):
            value = Number("<f4", first)
        elif (number, wire_type) == (_TENSOR, BYTES):
            value = number_in_tensor(record, first, stop)
        elif number in _OTHER_VALUES:
            value = None
    return tag, value


def _tag(record: bytes, start: int, end: int) -> str | None:
    if end - start > MAX_TAG_LENGTH * _BYTES_PER_CHARACTER:
        return None
    tag = record[start:end].decode(errors="replace")
    return tag if len(tag) <= MAX_TAG_LENGTH else None
