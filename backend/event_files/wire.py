"""The protobuf wire format: which field lies where in a message.

Source: https://protobuf.dev/programming-guides/encoding/. Fields are given as places in the whole record, so
that one record's places can be used for another of the same layout.
"""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

_MAX_VARINT_BYTES = 10
_WIDTHS = {FIXED64: 8, FIXED32: 4}


class MalformedRecord(ValueError):
    """A record that is not the message it should be."""


class Field(NamedTuple):
    """One field: its number, its wire type, and where its value lies."""

    number: int
    wire_type: int
    start: int
    end: int


def fields(record: bytes, start: int, end: int) -> Iterator[Field]:
    """The fields of the message at record[start:end], in order. Raises MalformedRecord."""
    while start < end:
        key, start = varint(record, start, end)
        number, wire_type = key >> 3, key & 7
        if not number:
            raise MalformedRecord("a field without a number")
        if wire_type == VARINT:
            stop = varint(record, start, end)[1]
        elif wire_type == BYTES:
            length, start = varint(record, start, end)
            stop = start + length
        elif wire_type in _WIDTHS:
            stop = start + _WIDTHS[wire_type]
        else:
            raise MalformedRecord(f"wire type {wire_type}")
        if stop > end:
            raise MalformedRecord("a field that ends behind its message")
        yield Field(number, wire_type, start, stop)
        start = stop


def varint(record: bytes, start: int, end: int) -> tuple[int, int]:
    """An unsigned 64-bit number, and where it ends. Raises MalformedRecord."""
    value = 0
    for place in range(start, min(end, start + _MAX_VARINT_BYTES)):
        byte = record[place]
        value |= (byte & 0x7F) << 7 * (place - start)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says whether more bytes follow
            return value & 0xFFFF_FFFF_FFFF_FFFF, place + 1
    raise MalformedRecord("a varint without an end")


def signed(value: int) -> int:
    """An unsigned 64-bit number read as two's complement."""
    return value - (1 << 64) if value >> 63 else value
