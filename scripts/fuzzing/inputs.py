"""How any bytes become an event file: raw, as records with right checksums, or spoilt."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.benchmarks.events.records import frame, framed

MAX_BYTES = 65_536
_MAX_TIMES = 40  # equal records, which a reader may take together
_KINDS = 6
_HEADER_BYTES = 12
_RAW, _SPOILT = 0, 3


@dataclass(frozen=True, slots=True)
class Input:
    """An event file, where to cut it while it grows, and blocks to read it by, which any record fits into."""

    data: bytes
    cuts: tuple[int, ...]
    block_bytes: int


def input_of(some: bytes) -> Input:
    """Read a few choices from the front, the rest is the file: any bytes are an input."""
    choice, first, second, blocks = (*some[:4], 0, 0, 0, 0)[:4]
    rest = some[4:MAX_BYTES]
    pieces = [rest] if choice % 4 == _RAW else list(_pieces(rest))
    data = b"".join(pieces)[:MAX_BYTES]
    if choice % 4 == _SPOILT:
        data = _spoilt(data, choice)
    cuts = tuple(sorted(len(data) * one // 256 for one in (first, second)))
    return Input(data, cuts, max((len(piece) for piece in pieces), default=0) + 64 * (blocks + 1))


def as_raw(data: bytes) -> bytes:
    """The bytes of which `input_of` makes this file."""
    return bytes((_RAW, 85, 170, 16)) + data


def as_pieces(payloads: list[bytes], kind: int) -> bytes:
    """The bytes of which `input_of` makes records of these payloads, of one kind."""
    pieces = [struct.pack("<BBH", kind, 20, len(payload)) + payload for payload in payloads]
    return bytes((1, 85, 170, 16)) + b"".join(pieces)


def _pieces(rest: bytes) -> Iterator[bytes]:
    """A kind, a number and a length, then so many bytes, again and again."""
    while len(rest) > 3:  # noqa: PLR2004 - kind, number and two bytes of length come first
        kind, number, length = struct.unpack_from("<BBH", rest)
        payload, rest = rest[4 : 4 + length], rest[4 + length :]
        yield _piece(kind % _KINDS, number, payload)


def _piece(kind: int, number: int, payload: bytes) -> bytes:
    if kind == 0:
        return frame(payload)
    if kind == 1:  # records that differ in eight bytes, as those of a loop do
        at = number % (len(payload) + 1)
        return framed([payload[:at] + struct.pack("<d", one) + payload[at + 8 :] for one in range(_MAX_TIMES)])
    if kind == 2:  # noqa: PLR2004 - equal records
        return frame(payload) * (number % _MAX_TIMES)
    if kind == 3:  # noqa: PLR2004 - bytes that are no record
        return payload
    if kind == 4:  # noqa: PLR2004 - a torn record
        return frame(payload)[: number + 1]
    return frame(payload[:_HEADER_BYTES])[:_HEADER_BYTES] + payload  # a length that does not fit


def _spoilt(data: bytes, choice: int) -> bytes:
    at = len(data) * choice // 256
    return data[:at] + bytes([data[at] ^ 1 << choice % 8]) + data[at + 1 :] if data else data
