"""The masked CRC-32C that guards TFRecord headers and payloads, also of many records at once.

CRC-32C is RFC 3720, appendix B.4; the mask is TensorFlow's (`tsl/lib/hash/crc32c.h`). The CRC is linear: it
is the exclusive or of one table entry per byte, where the table depends on how many bytes follow. That takes
many records of one length in a few array operations.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Crcs = npt.NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78  # reflected
_ALL_ONES = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
_LANE = 256  # bytes folded per step over long payloads
MAX_PERIOD_RECORD = 4_096  # bytes
_ROWS = 256  # whose CRCs are taken at once: what they need stays near the core
_SHORT = 256  # bytes below which a plain loop is faster than arrays


def masked_crc(data: bytes) -> int:
    """The masked CRC-32C of some bytes, as the format stores it."""
    crc = _raw(data) ^ _ALL_ONES
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _ALL_ONES


def masked_crcs(rows: Bytes, lengths: npt.NDArray[np.int64] | None = None) -> Crcs:
    """The masked CRC-32C of each row; shape (n, length) in, (n,) out. Shorter ones have zeros before them."""
    width = rows.shape[1]
    head = width % _LANE
    crcs = _of_lanes(rows[:, :head])
    for start in range(head, width, _LANE):
        crcs = _after_lane(crcs) ^ _of_lanes(rows[:, start : start + _LANE])
    if lengths is None:
        crcs ^= np.uint32(_of_zeros(width) ^ _ALL_ONES)
    else:  # zeros in front change nothing when one starts from zero
        crcs ^= np.array([_of_zeros(length) ^ _ALL_ONES for length in lengths.tolist()], np.uint32)
    return _masked(crcs)


class PeriodCrcs:
    """Masked CRCs of the records of rows that equal one row except where a mask has zeros, or some zero bits.

    The CRC of each record is that of its fixed bytes, and one table entry per byte that changes.
    """

    def __init__(self, row: bytes, mask: bytes, places: Sequence[tuple[int, int]]) -> None:
        """`places` are start and length of the records in a row; none is longer than MAX_PERIOD_RECORD."""
        followed = [np.arange(length - 1, -1, -1) for _, length in places]
        inside = np.concatenate([np.arange(start, start + length) for start, length in places])
        offsets = np.concatenate(followed) * 256
        self._table = _followed(_LANE if len(offsets) and offsets.max() < _LANE * 256 else MAX_PERIOD_RECORD).ravel()
        is_changing = np.frombuffer(mask, np.uint8)[inside] != 0xFF  # noqa: PLR2004 - all bits fixed
        fixed = np.where(is_changing, 0, np.frombuffer(row, np.uint8)[inside]).astype(np.intp) + offsets
        lengths = [length for _, length in places]
        starts = np.cumsum([0, *lengths[:-1]])
        zeros = np.array([_of_zeros(length) ^ _ALL_ONES for length in lengths], np.uint32)
        self._fixed = np.bitwise_xor.reduceat(self._table.take(fixed), starts) ^ zeros
        self._changing, self._offsets = inside[is_changing], offsets[is_changing]
        self._borders = np.searchsorted(np.flatnonzero(is_changing), starts)

    def of(self, rows: Bytes) -> Crcs:
        """The CRC of each record; shape (n, width) in, (n, records) out."""
        crcs = np.empty((len(rows), len(self._fixed)), np.uint32)
        for first in range(0, len(rows), _ROWS):
            some = slice(first, first + _ROWS)
            entries = rows[some].take(self._changing, axis=1).astype(np.intp)
            entries += self._offsets
            np.bitwise_xor.reduceat(self._table.take(entries), self._borders, axis=1, out=crcs[some])
        crcs ^= self._fixed
        return _masked(crcs)


def _masked(crcs: Crcs) -> Crcs:
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
def _followed(num: int = _LANE) -> Crcs:
    """Shape (num, 256): the CRC, from zero, of a byte that is followed by so many zero bytes."""
    table = np.array(_table(), np.uint32)
    rows = [table]
    for _ in range(num - 1):
        rows.append(table[rows[-1] & 0xFF] ^ (rows[-1] >> np.uint32(8)))
    return np.array(rows)


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
    table, offsets = _followed().ravel(), _offsets(rows.shape[1])
    crcs = np.empty(len(rows), np.uint32)
    for first in range(0, len(rows), _ROWS):
        some = slice(first, first + _ROWS)
        np.bitwise_xor.reduce(table.take(rows[some] + offsets), axis=1, out=crcs[some])
    return crcs


@lru_cache(_LANE + 1)
def _offsets(length: int) -> npt.NDArray[np.intp]:
    """Where the table begins for each byte of a row of this length."""
    return np.arange(length - 1, -1, -1) * 256


def _after_lane(crcs: Crcs) -> Crcs:
    """CRCs after 256 more zero bytes."""
    parts = [_followed()[_LANE - 1 - place][crcs >> np.uint32(8 * place) & 0xFF] for place in range(4)]
    shifted: Crcs = parts[0] ^ parts[1] ^ parts[2] ^ parts[3]
    return shifted


@lru_cache(1_000)
def _of_zeros(length: int) -> int:
    return _of_short(bytes(length), _ALL_ONES)
