"""Templates: stretches of an event file in which the same few frames repeat, decoded as one matrix.

A trainer writes the same tags at each step. So the file is, over long stretches, a matrix of bytes: one row
per period, in which only wall times, the digits of steps, numbers and checksums differ. Whether a stretch
equals the template everywhere else is one comparison of memory; its columns are strided views.
"""

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.domain.curves import Numbers, Steps
from backend.event_files.crc import MAX_PERIOD_RECORD, Crcs, PeriodCrcs, masked_crcs
from backend.event_files.headers import FOOTER_BYTES, FRAME_BYTES, HEADER_BYTES
from backend.event_files.layouts import Layout
from backend.event_files.tensor import BFLOAT16, Number

_CHUNK_BYTES = 64 * 1024  # compared at once; stays in the cache next to the core

_FEW_ROWS = 16  # compared first: many runs are short

# Of a step of so many bytes; a footer lies behind each record, so that four bytes always do.
_UNSIGNED = {num: np.dtype(name) for num, name in {1: "u1", 2: "<u2", 3: "<u4", 4: "<u4"}.items()}

Data = bytes | memoryview
Bytes = npt.NDArray[np.uint8]
_FLOAT64, _UINT16 = np.dtype("<f8"), np.dtype("<u2")
AnySteps = Steps | npt.NDArray[np.uint32]


def _dtype(number: Number) -> np.dtype[np.generic]:
    return _UINT16 if number.raw == BFLOAT16 else np.dtype(number.raw or "u1")


class Template:
    """One period of frames; `layouts` are those of its records, `headers` their frame headers, verified."""

    def __init__(self, layouts: Sequence[Layout], headers: Sequence[bytes]) -> None:
        self.layouts = layouts
        self.headers = headers
        self.width = sum(FRAME_BYTES + len(layout.record) for layout in layouts)
        ends = bytes(HEADER_BYTES), bytes(FOOTER_BYTES)
        full = b"\xff" * HEADER_BYTES
        self.mask = b"".join(full + layout.mask + ends[1] for layout in layouts)
        sample = b"".join(header + layout.record + ends[1] for header, layout in zip(headers, layouts, strict=True))
        self.scalars = [(scalar.tag, index) for index, layout in enumerate(layouts) for scalar in layout.event.scalars]
        self.is_woven = len({tag for tag, _ in self.scalars}) < len(self.scalars)  # a tag occurs several times
        self._mask_bits = int.from_bytes(self.mask, "little")
        self._fixed_bits = int.from_bytes(sample, "little") & self._mask_bits
        self._fixed = self._fixed_bits.to_bytes(self.width, "little")
        widths = [FRAME_BYTES + len(layout.record) for layout in layouts]
        self.starts = [
            end - width + HEADER_BYTES for end, width in zip(itertools.accumulate(widths), widths, strict=True)
        ]
        places = [layout.event.step_at for layout in layouts]
        self._step_widths = {end - start for start, end in places}
        self._steps_at = [start + place for start, (place, _) in zip(self.starts, places, strict=True)]
        self._wall_times_at = [
            start + layout.event.wall_time_at if layout.event.wall_time_at >= 0 else None
            for start, layout in zip(self.starts, layouts, strict=True)
        ]
        self._numbers = [
            (start + scalar.number.start, scalar.number, _dtype(scalar.number))
            for start, layout in zip(self.starts, layouts, strict=True)
            for scalar in layout.event.scalars
        ]
        self._spare: list[bytearray] = []

    def is_at(self, data: Data, at: int) -> bool:
        """Whether a whole period lies there."""
        end = at + self.width
        return end <= len(data) and int.from_bytes(data[at:end], "little") & self._mask_bits == self._fixed_bits

    def num_rows(self, data: Data, at: int) -> int:
        """How many whole periods follow one another from a place on."""
        mask, fixed, tile = self._tiles
        scratch = self._borrowed(len(fixed))
        masked, flat = np.frombuffer(scratch, np.uint8), np.frombuffer(data, np.uint8)
        whole, first, num = (len(data) - at) // self.width, at, _FEW_ROWS
        while whole:
            num = min(whole, num, len(tile) // self.width)
            size = num * self.width
            np.bitwise_and(flat[at : at + size], mask[:size], out=masked[:size])
            if size < len(fixed) or scratch != fixed:
                differs = masked[:size] != tile[:size]
                place = int(differs.argmax())
                if differs[place]:
                    at += place - place % self.width
                    break
            at, whole, num = at + size, whole - num, num * _FEW_ROWS
        self._spare.append(scratch)
        return (at - first) // self.width

    def _borrowed(self, num_bytes: int) -> bytearray:
        """Memory for one thread, to be put back."""
        try:
            return self._spare.pop()
        except IndexError:
            return bytearray(num_bytes)

    @cached_property
    def _tiles(self) -> tuple[Bytes, bytes, Bytes]:
        """The mask and, in two forms, the fixed bytes of many periods."""
        num = max(1, _CHUNK_BYTES // self.width)
        fixed = self._fixed * num
        return np.frombuffer(self.mask * num, np.uint8), fixed, np.frombuffer(fixed, np.uint8)

    def num_sound(self, data: Data, at: int, num: int) -> int:
        """How many of some periods from a place on come before the first wrong checksum."""
        if not num:
            return 0
        rows = np.frombuffer(data, np.uint8, num * self.width, at).reshape(num, self.width)
        stored = rows.take(self._footers, axis=1).view("<u4")
        is_wrong = (self._crcs_of(rows) != stored).any(axis=1)
        first = int(is_wrong.argmax())
        return first if is_wrong[first] else num

    def _crcs_of(self, rows: Bytes) -> Crcs:
        """Shape (periods, records)."""
        lengths = [len(layout.record) for layout in self.layouts]
        if max(lengths) <= MAX_PERIOD_RECORD:
            return self._crcs.of(rows)
        places = zip(self.starts, lengths, strict=True)
        return np.stack([masked_crcs(rows[:, start : start + length]) for start, length in places], axis=1)

    @cached_property
    def _footers(self) -> npt.NDArray[np.int64]:
        ends = [start + len(layout.record) for start, layout in zip(self.starts, self.layouts, strict=True)]
        return (np.array(ends)[:, None] + np.arange(FOOTER_BYTES)).ravel()

    @cached_property
    def _crcs(self) -> PeriodCrcs:
        places = [(start, len(layout.record)) for start, layout in zip(self.starts, self.layouts, strict=True)]
        return PeriodCrcs(self._fixed, self.mask, places)

    def fill(self, data: Data, at: int, wall_times: Numbers, values: Numbers) -> None:
        """Write what some periods from a place on say; shapes (records, periods) and (scalars, periods)."""
        shape, strides = (values.shape[1],), (self.width,)
        for index, place in enumerate(self._wall_times_at):
            wall_times[index] = 0.0 if place is None else np.ndarray(shape, _FLOAT64, data, at + place, strides)
        with np.errstate(invalid="ignore"):  # a signalling NaN is a NaN
            for index, (place, number, dtype) in enumerate(self._numbers):
                if not number.raw:
                    values[index] = number.literal
                elif number.raw == BFLOAT16:  # the upper half of a float32
                    halves = np.ndarray(shape, dtype, data, at + place, strides).astype(np.uint32)
                    values[index] = (halves << np.uint32(16)).view(np.float32)
                else:
                    values[index] = np.ndarray(shape, dtype, data, at + place, strides)

    def wall_time(self, data: Data, at: int) -> float:
        """Of the first record of a period, in seconds."""
        return self.layouts[0].event.wall_time(bytes(data[at + HEADER_BYTES : at + self.width]))

    def steps(self, data: Data, at: int, num: int) -> AnySteps:
        """Of some periods from a place on; shape (records, periods)."""
        widths = self._step_widths
        num_bytes = max(widths)
        if len(widths) > 1 or num_bytes > max(_UNSIGNED):
            return self._long_steps(data, at, num)
        if not num_bytes:
            return np.zeros((len(self.layouts), num), np.int64)
        digits = np.empty((len(self.layouts), num), np.uint32)
        dtype, shape, strides = _UNSIGNED[num_bytes], (num,), (self.width,)
        for index, place in enumerate(self._steps_at):
            digits[index] = np.ndarray(shape, dtype, data, at + place, strides)
        if num_bytes == 1:
            return digits
        steps = digits & np.uint32(0x7F)
        for place in range(1, num_bytes):
            steps |= (digits >> np.uint32(place)) & np.uint32(0x7F << 7 * place)
        return steps

    def _long_steps(self, data: Data, at: int, num: int) -> Steps:
        steps = np.zeros((len(self.layouts), num), np.uint64)
        for index, (first, layout) in enumerate(zip(self.starts, self.layouts, strict=True)):
            start, end = layout.event.step_at
            for place in range(end - start):
                digits = _column(data, at + first + start + place, num, self.width, "u1").astype(np.uint64)
                steps[index] |= (digits & np.uint64(0x7F)) << np.uint64(7 * place)
        return steps.view(np.int64)


def _column(data: Data, at: int, num: int, width: int, dtype: str) -> npt.NDArray[np.generic]:
    return np.ndarray((num,), dtype, data, at, (width,))
