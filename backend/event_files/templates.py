"""Templates: stretches of an event file in which the same few frames repeat, decoded as one matrix.

A trainer writes the same tags at each step. So the file is, over long stretches, a matrix of bytes: one row
per period, in which only wall times, the digits of steps, numbers and checksums differ. Whether a stretch
equals the template everywhere else is one comparison of memory; its columns are strided views.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.domain.curves import Numbers, Steps
from backend.event_files.crc import ChangingCrc
from backend.event_files.frames import FOOTER_BYTES, FRAME_BYTES, HEADER_BYTES
from backend.event_files.layouts import Layout
from backend.event_files.tensor import BFLOAT16

_CHUNK_BYTES = 128 * 1024  # compared at once; stays in the cache next to the core

Bytes = npt.NDArray[np.uint8]


class Template:
    """One period of frames; `layouts` are those of its records, `headers` their frame headers, verified."""

    def __init__(self, layouts: Sequence[Layout], headers: Sequence[bytes]) -> None:
        self.layouts = layouts
        self.headers = headers
        self.width = sum(FRAME_BYTES + len(layout.record) for layout in layouts)
        ends = bytes(HEADER_BYTES), bytes(FOOTER_BYTES)
        full = b"\xff" * HEADER_BYTES
        self.mask = b"".join(full + layout.mask + ends[1] for layout in layouts)
        sample = b"".join(
            header + layout.record + ends[1] for header, layout in zip(headers, layouts, strict=True)
        )
        self.places: dict[str, list[tuple[int, int]]] = {}  # of each tag: which scalar of which record
        for index, layout in enumerate(layouts):
            for number, scalar in enumerate(layout.event.scalars):
                self.places.setdefault(scalar.tag, []).append((index, number))
        self._mask_bits = int.from_bytes(self.mask, "little")
        self._fixed_bits = int.from_bytes(sample, "little") & self._mask_bits
        self.starts = np.cumsum([0] + [FRAME_BYTES + len(layout.record) for layout in layouts])[:-1] + HEADER_BYTES

    def is_at(self, data: bytes, at: int) -> bool:
        """Whether a whole period lies there."""
        end = at + self.width
        return end <= len(data) and int.from_bytes(data[at:end], "little") & self._mask_bits == self._fixed_bits

    def num_rows(self, data: bytes, at: int) -> int:
        """How many whole periods follow one another from a place on."""
        mask, fixed, scratch = self._tiles
        flat = np.frombuffer(data, np.uint8)
        whole, first = (len(data) - at) // self.width, at
        per_chunk = len(mask) // self.width
        while whole >= per_chunk:
            np.bitwise_and(flat[at : at + len(mask)], mask, out=np.frombuffer(scratch, np.uint8))
            if scratch != fixed:
                return (at - first) // self.width + self._num_equal(flat, at, per_chunk)
            at += len(mask)
            whole -= per_chunk
        return (at - first) // self.width + self._num_equal(flat, at, whole)

    def _num_equal(self, flat: Bytes, at: int, num: int) -> int:
        mask, fixed, _ = self._tiles
        size = num * self.width
        differs = (flat[at : at + size] & mask[:size]) != np.frombuffer(fixed, np.uint8, size)
        first = int(differs.argmax()) if size else 0
        return first // self.width if size and differs[first] else num

    @cached_property
    def _tiles(self) -> tuple[Bytes, bytes, bytearray]:
        """The mask and the fixed bytes of many periods, and room for as many."""
        num = max(1, _CHUNK_BYTES // self.width)
        fixed = self._fixed_bits.to_bytes(self.width, "little") * num
        return np.frombuffer(self.mask * num, np.uint8), fixed, bytearray(len(fixed))

    def num_sound(self, data: bytes, at: int, num: int) -> int:
        """How many of some periods from a place on come before the first wrong checksum."""
        if not num:
            return 0
        rows = np.frombuffer(data, np.uint8, num * self.width, at).reshape(num, self.width)
        is_wrong = np.zeros(num, np.bool_)
        for crc, start in zip(self._crcs, self.starts.tolist(), strict=True):
            is_wrong |= crc.of(rows[:, start : start + crc.length]) != _column(
                data, at + start + crc.length, num, self.width, "<u4"
            )
        first = int(is_wrong.argmax())
        return first if is_wrong[first] else num

    @cached_property
    def _crcs(self) -> list[ChangingCrc]:
        return [ChangingCrc(layout.record, layout.mask) for layout in self.layouts]

    def wall_times(self, index: int, data: bytes, at: int, num: int) -> Numbers:
        """Of the record with this index in each of some periods."""
        place = self.layouts[index].event.wall_time_at
        if place < 0:
            return np.zeros(num)
        return _column(data, at + int(self.starts[index]) + place, num, self.width, "<f8").astype(np.float64)

    def steps(self, index: int, data: bytes, at: int, num: int) -> Steps:
        """Of the record with this index in each of some periods."""
        start, end = self.layouts[index].event.step_at
        first = at + int(self.starts[index]) + start
        steps = np.zeros(num, np.uint64)
        if 1 <= end - start <= 4:
            return _short_varints(_column(data, first, num, self.width, _UNSIGNED[end - start]), end - start)
        for place in range(end - start):
            digits = _column(data, first + place, num, self.width, "u1") & np.uint8(0x7F)
            steps |= digits.astype(np.uint64) << np.uint64(7 * place)
        return steps.view(np.int64)

    def values(self, index: int, scalar: int, data: bytes, at: int, num: int) -> Numbers:
        """Of one scalar of the record with this index in each of some periods."""
        number = self.layouts[index].event.scalars[scalar].number
        if not number.raw:
            return np.full(num, number.literal)
        first = at + int(self.starts[index]) + number.start
        with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
            if number.raw == BFLOAT16:  # the upper half of a float32
                halves = _column(data, first, num, self.width, "<u2").astype(np.uint32)
                return (halves << np.uint32(16)).view(np.float32).astype(np.float64)
            return _column(data, first, num, self.width, number.raw).astype(np.float64)


_UNSIGNED = {1: "u1", 2: "<u2", 3: "<u4", 4: "<u4"}  # a footer lies behind each record, so four bytes always do


def _column(data: bytes, at: int, num: int, width: int, dtype: str) -> npt.NDArray[np.generic]:
    return np.ndarray((num,), dtype, data, at, (width,))


def _short_varints(raw: npt.NDArray[np.generic], num_bytes: int) -> Steps:
    digits = raw.astype(np.uint32)
    steps = digits & np.uint32(0x7F)
    for place in range(1, num_bytes):
        steps |= (digits >> np.uint32(place)) & np.uint32(0x7F << 7 * place)
    return steps.astype(np.int64)
