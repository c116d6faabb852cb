"""The masked CRC-32C that guards TFRecord headers and payloads, also of many records at once.

CRC-32C is RFC 3720, appendix B.4; the mask is TensorFlow's (`tsl/lib/hash/crc32c.h`). The CRC is linear: it
is the exclusive or of one table entry per byte, where the table depends on how many bytes follow. That takes
many records of one length in a few array operations.
"""

from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Crcs = npt.NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78  # reflected
_ALL_ONES = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
_LANE = 256  # bytes folded per step over long payloads
_SHORT = 512  # bytes below which a plain loop is faster than arrays


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C of some bytes, as the format stores it."""
    crc = _raw(data) ^ _ALL_ONES
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _ALL_ONES


def masked_crcs(rows: Bytes) -> Crcs:
    """The masked CRC-32C of each row; shape (n, length) in, (n,) out."""
    length = rows.shape[1]
    head = length % _LANE
    crcs = _of_lanes(rows[:, :head])
    for start in range(head, length, _LANE):
        crcs = _after_lane(crcs) ^ _of_lanes(rows[:, start : start + _LANE])
    crcs ^= np.uint32(_of_zeros(length) ^ _ALL_ONES)
    return ((crcs >> np.uint32(15)) | (crcs << np.uint32(17))) + np.uint32(_MASK_DELTA)


class ChangingCrc:
    """Masked CRCs of rows that equal one record except where a mask has zeros (or a byte of which only some
    bits are free): the record's own, and one table entry per such byte.
    """

    def __init__(self, record: bytes, mask: bytes) -> None:
        self.length = len(record)
        changing = [place for place, byte in enumerate(mask) if byte != 0xFF]
        fixed = bytearray(record)
        for place in changing:
            fixed[place] = 0
        self._constant = np.uint32(_raw(bytes(fixed)) ^ _ALL_ONES)
        self._tables = [(place, _table_followed_by(self.length - 1 - place)) for place in changing]

    def of(self, rows: Bytes) -> Crcs:
        """The CRC of each row; shape (n, length) in, (n,) out."""
        crcs = np.full(len(rows), self._constant, np.uint32)
        for place, table in self._tables:
            crcs ^= table.take(rows[:, place])
        return ((crcs >> np.uint32(15)) | (crcs << np.uint32(17))) + np.uint32(_MASK_DELTA)


@cache
def _table() -> tuple[int, ...]:
    """What one byte does to a CRC."""
    entries = []
    for entry in range(256):
        crc = entry
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
        entries.append(crc)
    return tuple(entries)


@cache
def _followed() -> Crcs:
    """Shape (256, 256): the CRC, from zero, of a byte that is followed by so many zero bytes."""
    table = np.array(_table(), np.uint32)
    rows = [table]
    for _ in range(_LANE - 1):
        rows.append(table[rows[-1] & 0xFF] ^ (rows[-1] >> np.uint32(8)))
    return np.array(rows)


@lru_cache(8_192)
def _table_followed_by(num_bytes: int) -> Crcs:
    """The CRC, from zero, of each byte followed by so many zero bytes."""
    if num_bytes < _LANE:
        return _followed()[num_bytes]
    return _after_lane(_table_followed_by(num_bytes - _LANE))


def _raw(data: bytes) -> int:
    return _of_short(data, _ALL_ONES) if len(data) < _SHORT else _of_long(data)


def _of_short(data: bytes, crc: int) -> int:
    table = _table()
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc


def _of_long(data: bytes) -> int:
    """Lanes of 256 bytes at once, then one fold per lane."""
    body = len(data) // _LANE * _LANE
    head = int.from_bytes(data[:4], "little") ^ _ALL_ONES  # the same as starting with all ones
    lanes = np.frombuffer(head.to_bytes(4, "little") + data[4:body], np.uint8).reshape(-1, _LANE)
    zeros = [_followed()[_LANE - 1 - place].tolist() for place in range(4)]
    crc = 0
    for lane in _of_lanes(lanes).tolist():
        crc = zeros[0][crc & 0xFF] ^ zeros[1][crc >> 8 & 0xFF] ^ zeros[2][crc >> 16 & 0xFF] ^ zeros[3][crc >> 24] ^ lane
    return _of_short(data[body:], crc)


def _of_lanes(rows: Bytes) -> Crcs:
    """CRCs from zero of rows of at most 256 bytes."""
    followed = _followed()[rows.shape[1] - 1 :: -1] if rows.shape[1] else _followed()
    crcs = np.zeros(len(rows), np.uint32)
    for table, column in zip(followed, np.ascontiguousarray(rows.T), strict=False):
        crcs ^= table.take(column)
    return crcs


def _after_lane(crcs: Crcs) -> Crcs:
    """CRCs after 256 more zero bytes."""
    parts = [_followed()[_LANE - 1 - place][crcs >> np.uint32(8 * place) & 0xFF] for place in range(4)]
    shifted: Crcs = parts[0] ^ parts[1] ^ parts[2] ^ parts[3]
    return shifted


@lru_cache(1_000)
def _of_zeros(length: int) -> int:
    return _of_short(bytes(length), _ALL_ONES)
