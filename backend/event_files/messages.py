"""Messages: the fields of one protobuf message by their numbers, for records that are read one at a time."""

import struct
from functools import cached_property

import numpy as np

from backend.domain.curves import Numbers
from backend.event_files.wire import BYTES, FIXED32, FIXED64, VARINT, MalformedRecord, fields, signed, varint

MAX_FIELDS = 100_000  # of one message


class Message:
    """The message at data[start:end]. All methods raise MalformedRecord for bytes that are none."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._start, self._end = start, end

    @property
    def raw(self) -> bytes:
        """The bytes."""
        return self._data[self._start : self._end]

    @cached_property
    def _fields(self) -> dict[tuple[int, int], list[tuple[int, int]]]:
        """Where the fields lie, by number and wire type."""
        found: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for count, field in enumerate(fields(self._data, self._start, self._end)):
            if count >= MAX_FIELDS:
                raise MalformedRecord("too many fields")
            found.setdefault((field.number, field.wire_type), []).append((field.start, field.end))
        return found

    def all(self, number: int) -> list["Message"]:
        """Each string or inner message of this number."""
        return [Message(self._data, *place) for place in self._fields.get((number, BYTES), ())]

    def last(self, number: int) -> "Message | None":
        """The string or inner message that counts of several, or None."""
        found = self._fields.get((number, BYTES))
        return Message(self._data, *found[-1]) if found else None

    def text(self, number: int) -> str:
        """A string, "" if absent; bytes that are no UTF-8 are replaced."""
        found = self.last(number)
        return found.raw.decode(errors="replace") if found else ""

    def double(self, number: int) -> float | None:
        """A double, or None."""
        found = self._fields.get((number, FIXED64))
        return float(struct.unpack_from("<d", self._data, found[-1][0])[0]) if found else None

    def integer(self, number: int) -> int | None:
        """A varint, or None."""
        found = self._fields.get((number, VARINT))
        return signed(varint(self._data, *found[-1])[0]) if found else None

    def doubles(self, number: int) -> Numbers:
        """A list of doubles, packed or not."""
        return self._numbers(number, FIXED64, "<f8")

    def floats(self, number: int) -> Numbers:
        """A list of floats, packed or not, as float64."""
        return self._numbers(number, FIXED32, "<f4")

    def _numbers(self, number: int, wire_type: int, dtype: str) -> Numbers:
        places = self._fields.get((number, wire_type), []) + self._fields.get((number, BYTES), [])
        return numbers(b"".join(self._data[start:end] for start, end in sorted(places)), dtype)


def numbers(raw: bytes, dtype: str) -> Numbers:
    """Little-endian numbers as float64. Raises MalformedRecord."""
    if len(raw) % np.dtype(dtype).itemsize:
        raise MalformedRecord("numbers that are cut off")
    with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
        return np.frombuffer(raw, dtype).astype(np.float64)
