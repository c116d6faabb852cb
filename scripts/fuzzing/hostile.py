"""Event files made to cost much: each kind is small on the disk and could be large in memory, or slow."""

import struct
from collections.abc import Callable, Mapping

from scripts.benchmarks.events.records import event, field, frame, framed, simple_value, varint

_HEADER_BYTES = 12
_STEP_KEY = b"\x10"


def _filled(make: Callable[[int], bytes], num_bytes: int, at_once: int = 20_000) -> bytes:
    """Records of payloads by number, until the file is so long."""
    data = bytearray()
    number = 0
    while len(data) < num_bytes:
        data += framed([make(one) for one in range(number, number + at_once)])
        number += at_once
    return bytes(data[:num_bytes])


def _empty(num_bytes: int) -> bytes:
    return frame(b"") * (num_bytes // 16)


def _claim(length: int) -> Callable[[int], bytes]:
    """A header that claims so much, again and again."""

    def make(num_bytes: int) -> bytes:
        claim = struct.pack("<Q", length)
        header = claim + frame(claim)[-4:]
        return (header + b"\0" * 20) * (num_bytes // 32)

    return make


def _many_values(num_bytes: int) -> bytes:
    """Events of a megabyte, that hold nothing but numbers without a tag."""
    values = field(1, b"\x15\0\0\x80\x3f") * (1_000_000 // 7)
    return frame(field(5, values)) * max(1, num_bytes // 1_000_000)


def _many_tags(num_bytes: int) -> bytes:
    return _filled(lambda number: event(1.0, number, [simple_value(str(number), 1.0)]), num_bytes)


def _long_tags(num_bytes: int) -> bytes:
    return _filled(lambda number: event(1.0, 1, [simple_value(str(number) * 30, 1.0)]), num_bytes)


def _zigzag(num_bytes: int) -> bytes:
    """Each step goes back behind the last: as many dropped stretches as points."""
    return _filled(lambda number: event(1.0, 2 + number // 2 - number % 2 * 2, [simple_value("a", 1.0)]), num_bytes)


def _backward(num_bytes: int) -> bytes:
    return _filled(lambda number: event(1.0, 2**40 - number, [simple_value("a", 1.0)]), num_bytes)


def _restarts(num_bytes: int) -> bytes:
    return _filled(lambda number: _STEP_KEY + varint(number + 1) + field(7, b"\x08\x01"), num_bytes)


def _others(num_bytes: int) -> bytes:
    return _filled(lambda _: field(5, field(1, field(1, b"h") + field(5, b""))), num_bytes)


def _other_tags(num_bytes: int) -> bytes:
    return _filled(lambda number: field(5, field(1, field(1, str(number).encode()) + field(5, b""))), num_bytes)


def _malformed(num_bytes: int) -> bytes:
    return _filled(lambda number: b"\x07" * (1 + number % 9), num_bytes)


def _wrong(num_bytes: int) -> bytes:
    """Every second record has a wrong checksum."""
    good = frame(event(1.0, 1, [simple_value("a", 1.0)]))
    return (good + good[:-1] + bytes([good[-1] ^ 1])) * (num_bytes // (2 * len(good)))


def _nested(num_bytes: int) -> bytes:
    """Frames in frames in frames, the outer ones torn."""
    data = b""
    for _ in range(40):
        data = frame(data + b"x" * 300)
    return data[: len(data) - 3] * max(1, num_bytes // len(data))


def _lengths(num_bytes: int) -> bytes:
    """Hardly two records of one length."""
    return _filled(lambda number: field(15, b"x" * (number % 3_000)), num_bytes, at_once=3_000)


def _deep_varints(num_bytes: int) -> bytes:
    return _filled(lambda number: _STEP_KEY + b"\xff" * 9 + b"\x01" + b"\x80" * (number % 12), num_bytes)


HOSTILE: Mapping[str, Callable[[int], bytes]] = {
    "records of nothing": _empty,
    "claims of a terabyte": _claim(1 << 40),
    "claims of the largest number": _claim(2**64 - 1),
    "claims of two gigabytes": _claim((1 << 31) - 1),
    "claims of sixteen megabytes": _claim((1 << 24) - 1),
    "a hundred thousand values in one event": _many_values,
    "a tag per record": _many_tags,
    "long tags": _long_tags,
    "steps in a zigzag": _zigzag,
    "steps that only fall": _backward,
    "restart markers": _restarts,
    "histograms of nothing": _others,
    "a histogram tag per record": _other_tags,
    "records that are no events": _malformed,
    "every second record damaged": _wrong,
    "frames in frames": _nested,
    "thousands of lengths": _lengths,
    "varints without an end": _deep_varints,
    "zeros": bytes,
    "a frame header again and again": lambda num_bytes: frame(b"")[:_HEADER_BYTES] * (num_bytes // _HEADER_BYTES),
}
