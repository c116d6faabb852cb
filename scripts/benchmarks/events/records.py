"""Event file records made in bulk: the bytes that torch's SummaryWriter and TensorFlow write, millions in seconds.

A record of torch's `add_scalar` is `Event{wall_time, step, Summary{Value{tag, simple_value}}}` in a TFRecord frame.
Records of one layout have one length, so they are filled in and summed up as rows of one array. Tests compare the
bytes with those of the real writers.
"""

import struct
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

FILE_VERSION = b"brain.Event:2"
WRITER = b"tensorboard.summary.writer.event_file_writer"
_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected
_MASK_DELTA = 0xA282EAD8
_WALL_TIME_AT = 13  # behind the frame header and the field's key
_STEP_KEY_AT = 21


def _table() -> npt.NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _table()
_ENTRIES = _TABLE.tolist()
_FEW = 20  # payloads of one length, below which arrays do not pay


def masked_crcs(rows: Bytes) -> npt.NDArray[np.uint32]:
    """The masked CRC-32C of each row of shape (n, length)."""
    crcs = np.full(len(rows), 0xFFFF_FFFF, np.uint32)
    for column in np.ascontiguousarray(rows.T):
        crcs = _TABLE[(crcs ^ column) & 0xFF] ^ (crcs >> 8)
    crcs = ~crcs
    return (((crcs >> 15) | (crcs << 17)) + np.uint32(_MASK_DELTA)).astype(np.uint32)


def frame(payload: bytes) -> bytes:
    """A TFRecord: length, its CRC, payload, its CRC."""
    length = struct.pack("<Q", len(payload))
    return length + _crc(length) + payload + _crc(payload)


def _crc(data: bytes) -> bytes:
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = _ENTRIES[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFF_FFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFF_FFFF)


def varint(number: int) -> bytes:
    """A protobuf varint of a number that is not negative."""
    pieces = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        pieces.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*pieces, number))


def field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def event(wall_time: float, step: int, values: Sequence[bytes]) -> bytes:
    """The payload of an Event with these Summary.Values; a step of 0 is left out, as protobuf does."""
    step_field = b"\x10" + varint(step) if step else b""
    return b"\x09" + struct.pack("<d", wall_time) + step_field + field(5, b"".join(field(1, one) for one in values))


def simple_value(tag: str, number: float) -> bytes:
    """A Summary.Value as torch's `add_scalar` writes it."""
    return field(1, tag.encode()) + b"\x15" + struct.pack("<f", number)


def file_version(wall_time: float) -> bytes:
    """The record with which torch and TensorBoard begin a file, as they write it."""
    source = field(10, field(1, WRITER))
    return frame(b"\x09" + struct.pack("<d", wall_time) + field(3, FILE_VERSION) + source)


def scalars(tags: Sequence[str], values: npt.NDArray[np.float32], wall_times: npt.NDArray[np.float64]) -> bytes:
    """A record for each step and tag, step by step from 0; `values` (steps, tags), `wall_times` (steps,)."""
    num_steps = len(values)
    borders = [0, 1, *(1 << 7 * digits for digits in range(1, 6))]
    pieces = []
    for first, end in pairwise(borders):
        some = slice(min(first, num_steps), min(end, num_steps))
        if values[some].size:
            pieces.append(_rows(tags, np.arange(some.start, some.stop), values[some], wall_times[some]))
    return b"".join(piece.tobytes() for piece in pieces)


def _rows(
    tags: Sequence[str],
    steps: npt.NDArray[np.int64],
    values: npt.NDArray[np.float32],
    wall_times: npt.NDArray[np.float64],
) -> Bytes:
    """The records of steps that are equally long as varints; shape (steps, bytes of all tags)."""
    columns = []
    for index, tag in enumerate(tags):
        template = frame(event(0.0, int(steps[0]), [simple_value(tag, 0.0)]))
        rows = np.tile(np.frombuffer(template, np.uint8), (len(steps), 1))
        rows[:, _WALL_TIME_AT : _WALL_TIME_AT + 8] = _as_bytes(wall_times)
        digits = len(varint(int(steps[0]))) if steps[0] else 0
        for place in range(digits):
            more = 0x80 if place < digits - 1 else 0
            rows[:, _STEP_KEY_AT + 1 + place] = (steps >> 7 * place & 0x7F) | more
        rows[:, -8:-4] = _as_bytes(values[:, index])
        rows[:, -4:] = _as_bytes(masked_crcs(rows[:, 12:-4]))
        columns.append(rows)
    return np.concatenate(columns, axis=1)


def _as_bytes(numbers: npt.NDArray[np.generic]) -> Bytes:
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), -1)


def framed(payloads: Sequence[bytes]) -> bytes:
    """TFRecords of payloads of any lengths; those of one length are summed up together."""
    frames: list[bytes] = [b""] * len(payloads)
    of_length: dict[int, list[int]] = {}
    for index, payload in enumerate(payloads):
        of_length.setdefault(len(payload), []).append(index)
    for length, members in of_length.items():
        if len(members) < _FEW:
            for index in members:
                frames[index] = frame(payloads[index])
            continue
        rows = np.frombuffer(b"".join(payloads[index] for index in members), np.uint8).reshape(len(members), length)
        header = struct.pack("<Q", length) + _crc(struct.pack("<Q", length))
        footers = masked_crcs(rows).astype("<u4")
        for index, footer in zip(members, footers, strict=True):
            frames[index] = header + payloads[index] + footer.tobytes()
    return b"".join(frames)
