"""TFRecord framing: where whole, undamaged records lie in a stretch of bytes.

A frame is `u64 length | u32 masked_crc(length) | payload | u32 masked_crc(payload)`, little endian
(tensorflow `lib/io/record_writer.h`). There is no index and no sync mark, but the CRC of the length lets us
find frames behind damage.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from backend.event_files.chains import Places, ShortFrames, follow, short_frames
from backend.event_files.crc import masked_crc, masked_crcs
from backend.event_files.headers import FOOTER_BYTES, FRAME_BYTES, HEADER_BYTES, Headers

BLOCK_BYTES = 1024**2  # read at once; a record that does not fit holds no scalars and is passed over

_MIN_GROUP = 8  # records of one length, from which arrays beat a loop
_WIDTH = 32  # bytes: payloads are compared together whose lengths differ by less
_MAX_GROUP_LENGTH = 4_096
_CRC_BUDGET = 4  # how often a byte may be summed up: files made to be slow nest frames in frames
_CANDIDATES_AT_ONCE = 65_536


@dataclass(slots=True)
class Chain:
    """Frames one after another, by start and length of their payloads, up to `end`.

    At `end` there is either a frame that needs more bytes, or, if `is_broken`, none. `damaged` are (start,
    end) of frames inside the chain whose payload has the wrong CRC.
    """

    starts: Places
    lengths: Places
    end: int
    is_broken: bool
    damaged: list[tuple[int, int]] = field(default_factory=list)


class Block:
    """Some bytes of an event file in memory; a whole frame has at most `max_bytes`."""

    def __init__(self, data: bytes, headers: Headers, max_bytes: int) -> None:
        self.data = data
        self._max_bytes = max_bytes
        self._headers = headers
        self._budget = _CRC_BUDGET * len(data)

    def chain(self, at: int) -> Chain:
        """The frames from `at` on, as far as one leads to the next."""
        starts, lengths, end, is_broken = follow(self.data, at, self._headers, self._short)
        is_sound = self._are_sound(starts, lengths)
        num = self._num_to_trust(starts, lengths, is_sound)
        if num < len(starts):
            end, is_broken = int(starts[num]) - HEADER_BYTES, True
            starts, lengths, is_sound = starts[:num], lengths[:num], is_sound[:num]
        damaged = [
            (int(start) - HEADER_BYTES, int(start + length) + FOOTER_BYTES)
            for start, length in zip(starts[~is_sound], lengths[~is_sound], strict=True)
        ]
        return Chain(starts[is_sound], lengths[is_sound], end, is_broken, damaged)

    def _num_to_trust(self, starts: Places, lengths: Places, is_sound: npt.NDArray[np.bool_]) -> int:
        """How many frames come before the first that may have been cut off, with others written behind it.

        That is one with a wrong CRC that leads to no other frame, or has one inside.
        """
        for index in np.flatnonzero(~is_sound).tolist():
            inside = np.searchsorted(self._candidates, [starts[index], starts[index] + lengths[index]])
            if index == len(starts) - 1 or inside[0] < inside[1]:
                return int(index)
        return len(starts)

    def next_frame(self, at: int) -> tuple[int | None, int]:
        """The first whole, sound frame from `at` on or None, and where to look when more bytes come."""
        resume = max(at, len(self.data) - HEADER_BYTES + 1)
        for candidate in self._candidates[np.searchsorted(self._candidates, at) :]:
            start = int(candidate) + HEADER_BYTES
            length = int.from_bytes(self.data[start - HEADER_BYTES : start - 4], "little")
            if length + FRAME_BYTES > self._max_bytes or self._budget < 0:
                continue
            if start + length + FOOTER_BYTES > len(self.data):
                resume = min(resume, int(candidate))
            elif self._are_sound(np.array([start]), np.array([length]))[0]:
                return int(candidate), resume
        return None, resume

    def _are_sound(self, starts: Places, lengths: Places) -> npt.NDArray[np.bool_]:
        """Whether the CRC of each payload is right; no, once the budget is used up."""
        is_sound = np.zeros(len(starts), np.bool_)
        self._budget -= int(lengths.sum())
        if self._budget < 0:
            return is_sound
        widths = np.where(lengths <= _MAX_GROUP_LENGTH, -(-lengths // _WIDTH) * _WIDTH, -lengths)
        for width, members in by_length(widths):
            is_worth_it = width > 0 and len(members) >= _MIN_GROUP
            fits = (starts[members] + lengths[members] >= width) & is_worth_it
            together, alone = members[fits], members[~fits]
            is_sound[together] = self._are_sound_together(starts[together], lengths[together], width)
            is_sound[alone] = list(map(self._is_sound, starts[alone].tolist(), lengths[alone].tolist()))
        return is_sound

    def _are_sound_together(self, starts: Places, lengths: Places, width: int) -> npt.NDArray[np.bool_]:
        """The same for payloads of similar lengths, as rows that end where they do, with zeros before them."""
        if not len(starts):
            return np.zeros(0, np.bool_)
        rows = gather(self.data, starts + lengths - width, width + FOOTER_BYTES)
        stored = np.ascontiguousarray(rows[:, width:]).view("<u4")[:, 0]
        if lengths.min() < width:
            rows[np.arange(width + FOOTER_BYTES) < (width - lengths)[:, None]] = 0
        found: npt.NDArray[np.bool_] = masked_crcs(rows[:, :width], lengths) == stored
        return found

    def _is_sound(self, start: int, length: int) -> bool:
        stored = int.from_bytes(self.data[start + length : start + length + FOOTER_BYTES], "little")
        return masked_crc(self.data[start : start + length]) == stored

    @cached_property
    def _short(self) -> ShortFrames | None:
        return short_frames(self.data)

    @cached_property
    def _candidates(self) -> Places:
        """Where a header with the right CRC begins, of a record that fits into memory."""
        flat = np.frombuffer(self.data, np.uint8)
        num = max(0, len(flat) - HEADER_BYTES + 1)
        is_short = flat[3 : 3 + num] == 0  # a length below 2**24
        for byte in range(4, 8):
            is_short = is_short & (flat[byte : byte + num] == 0)
        places = np.flatnonzero(is_short)
        found = [np.empty(0, np.int64)]
        for first in range(0, len(places), _CANDIDATES_AT_ONCE):
            some = places[first : first + _CANDIDATES_AT_ONCE]
            rows = gather(self.data, some, HEADER_BYTES)
            stored = np.ascontiguousarray(rows[:, 8:]).view("<u4")[:, 0]
            found.append(some[masked_crcs(rows[:, :8]) == stored])
        return np.concatenate(found)


def by_length(lengths: Places) -> Iterator[tuple[int, Places]]:
    """Each length that occurs, in the order of its first record, with the indices of its records."""
    if not len(lengths):
        return
    order = np.argsort(lengths, kind="stable")
    borders = np.flatnonzero(np.diff(lengths[order])) + 1
    for members in sorted(np.split(order, borders), key=lambda indices: int(indices[0])):
        yield int(lengths[members[0]]), members


def gather(data: bytes, starts: Places, width: int) -> npt.NDArray[np.uint8]:
    """Equally long pieces of some bytes as rows; shape (n, width)."""
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(data, np.uint8), width)
    rows: npt.NDArray[np.uint8] = windows[starts]
    return rows
