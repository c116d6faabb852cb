"""Messages: the fields of one protobuf message by their numbers, for records that are read one at a time."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from backend.domain.curves import Numbers
from backend.event_files.wire import BYTES, FIXED32, FIXED64, VARINT, MalformedRecord, fields, signed, varint


class Message(NamedTuple):
    """The message at data[start:end]. All methods raise MalformedRecord for bytes that are none."""

    data: bytes
    start: int
    end: int

    def all(self, number: int, wire_type: int = BYTES) -> Iterator["Message"]:
        """Where each field of this number and type lies; of strings and inner messages as a message."""
        for field in fields(self.data, self.start, self.end):
            if (field.number, field.wire_type) == (number, wire_type):
                yield Message(self.data, field.start, field.end)

    def last(self, number: int, wire_type: int = BYTES) -> "Message | None":
        """The one that counts of several, or None."""
        found = None
        for found in self.all(number, wire_type):  # noqa: B007 - the last one is meant
            pass
        return found

    def has(self, number: int) -> bool:
        """Whether there is such a field of any type."""
        return any(field.number == number for field in fields(self.data, self.start, self.end))

    @property
    def raw(self) -> bytes:
        """The bytes."""
        return self.data[self.start : self.end]

    def text(self, number: int) -> str:
        """A string, "" if absent; bytes that are no UTF-8 are replaced."""
        found = self.last(number)
        return found.raw.decode(errors="replace") if found else ""

    def double(self, number: int) -> float:
        """A double, 0 if absent."""
        found = self.last(number, FIXED64)
        return float(struct.unpack("<d", found.raw)[0]) if found else 0.0

    def integer(self, number: int) -> int:
        """A varint, 0 if absent."""
        found = self.last(number, VARINT)
        return signed(varint(found.data, found.start, found.end)[0]) if found else 0

    def doubles(self, number: int) -> Numbers:
        """A list of doubles, packed or not."""
        return self._numbers(number, FIXED64, "<f8")

    def floats(self, number: int) -> Numbers:
        """A list of floats, packed or not, as float64."""
        return self._numbers(number, FIXED32, "<f4")

    def _numbers(self, number: int, wire_type: int, dtype: str) -> Numbers:
        parts = [
            self.data[field.start : field.end]
            for field in fields(self.data, self.start, self.end)
            if field.number == number and field.wire_type in {wire_type, BYTES}
        ]
        return numbers(b"".join(parts), dtype)


def numbers(raw: bytes, dtype: str) -> Numbers:
    """Little-endian numbers as float64. Raises MalformedRecord."""
    if len(raw) % np.dtype(dtype).itemsize:
        raise MalformedRecord("numbers that are cut off")
    with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
        return np.frombuffer(raw, dtype).astype(np.float64)
