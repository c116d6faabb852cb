"""Following frames from one to the next: nearly all of them at once where records are short.

The length of a record below 64 KiB ends in six zero bytes, which are rare elsewhere. So the places where six
zeros end are the frames, but for a few: what they say about one another shows which, and those are walked.
"""

import numpy as np
import numpy.typing as npt

from backend.event_files.crc import masked_crcs
from backend.event_files.headers import FRAME_BYTES, HEADER_BYTES, Headers

_MIN_BYTES = 4_096  # below, a loop is faster
_CHUNK_BYTES = 64 * 1024  # looked at at once: what that needs stays near the core
_ZEROS_END = 8  # bytes behind the start of a frame
_NUM_SHORT = 1 << 16

Places = npt.NDArray[np.int64]


def short_frames(data: bytes) -> "ShortFrames | None":
    """What `follow` needs to be fast, if there are enough bytes."""
    return ShortFrames(data) if len(data) >= _MIN_BYTES else None


def follow(data: bytes, at: int, headers: Headers, short: "ShortFrames | None") -> tuple[Places, Places, int, bool]:
    """The whole frames from `at` on: start and length of their payloads, and where they end.

    The last tells whether something else than the beginning of a frame lies there. It is fast while `at` rises
    from call to call.
    """
    starts, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    while True:
        if short is not None:
            found, sizes, at = short.chain(at)
            starts.append(found + HEADER_BYTES)
            lengths.append(sizes)
        some, few, at, is_broken, is_end = _walk(data, at, headers, short)
        starts.append(np.array(some, np.int64))
        lengths.append(np.array(few, np.int64))
        if is_end:
            return np.concatenate(starts), np.concatenate(lengths), at, is_broken


def _walk(
    data: bytes, at: int, headers: Headers, short: "ShortFrames | None"
) -> tuple[list[int], list[int], int, bool, bool]:
    """One by one, to the end or until many come at once again."""
    starts: list[int] = []
    lengths: list[int] = []
    length_of_known, length_of, last = headers.known.get, headers.length, len(data) - HEADER_BYTES
    while at <= last:
        header = data[at : at + HEADER_BYTES]
        length = length_of_known(header)
        if length is None:
            length = length_of(header)
        if length is None or at + FRAME_BYTES + length > len(data):
            return starts, lengths, at, length is None, True
        starts.append(at + HEADER_BYTES)
        lengths.append(length)
        at += FRAME_BYTES + length
        if short is not None and short.has(at):
            return starts, lengths, at, False, False
    return starts, lengths, at, False, True


class ShortFrames:
    """Frames of short records in some bytes, those that begin where another ends."""

    def __init__(self, data: bytes) -> None:
        flat = np.frombuffer(data, np.uint8)
        places = _ends_of_zeros(flat) - _ZEROS_END
        self._places = places[(places >= 1) & (places <= len(data) - FRAME_BYTES)]  # a frame at 0 is walked
        self._sizes, is_sound = _sound_headers(flat, self._places)
        longer = np.flatnonzero(~is_sound)  # zeros of the checksum may lie behind those of the length
        sizes, is_header = _sound_headers(flat, self._places[longer] - 1)
        longer = longer[is_header]
        self._places[longer] -= 1
        self._sizes[longer], is_sound[longer] = sizes[is_header], True
        self._ends = self._places + self._sizes + FRAME_BYTES
        is_sound &= self._ends <= len(data)
        leads_on = np.append(self._places[1:] == self._ends[:-1], False) & is_sound
        leads_on[:-1] &= is_sound[1:]
        self._stops: list[int] = np.flatnonzero(~leads_on).tolist()
        self._is_sound = is_sound
        self._is_followed = leads_on
        self._stop = 0
        self._index = 0

    def has(self, at: int) -> bool:
        """Whether a chain of several goes on from here; asked with rising places."""
        self._index += int(np.searchsorted(self._places[self._index : self._index + 64], at))
        if self._index < len(self._places) and self._places[self._index] < at:
            self._index = int(np.searchsorted(self._places, at))
        return bool(
            self._index < len(self._places) and self._places[self._index] == at and self._is_followed[self._index]
        )

    def chain(self, at: int) -> tuple[Places, Places, int]:
        """The chain from here on, and where it ends."""
        if not self.has(at):
            return np.empty(0, np.int64), np.empty(0, np.int64), at
        while self._stops[self._stop] < self._index:
            self._stop += 1
        end = self._stops[self._stop] + 1
        some = slice(self._index, end)
        return self._places[some], self._sizes[some], int(self._ends[end - 1])


def _ends_of_zeros(flat: npt.NDArray[np.uint8]) -> Places:
    """Where six or more zeros end before something else."""
    found = []
    for first in range(0, len(flat), _CHUNK_BYTES):
        is_zero = flat[first : first + _CHUNK_BYTES + 6] == 0
        two = is_zero[:-1] & is_zero[1:]
        four = two[:-2] & two[2:]
        six = four[:-2] & two[4:]
        found.append(np.flatnonzero(six[:-1] & ~is_zero[6:]) + (first + 6))
    return np.concatenate(found)


def _sound_headers(flat: npt.NDArray[np.uint8], places: Places) -> tuple[Places, npt.NDArray[np.bool_]]:
    """What lies at some places as the length of a frame, and whether it has its checksum."""
    sizes = flat[places].astype(np.int64) | flat[places + 1].astype(np.int64) << 8
    stored = np.lib.stride_tricks.sliding_window_view(flat, 4)[places + 8].view("<u4")[:, 0]
    return sizes, _crcs(sizes)[sizes] == stored


def _crcs(sizes: Places) -> npt.NDArray[np.uint32]:
    """The header CRC of each length that occurs, by length."""
    crcs = np.zeros(_NUM_SHORT, np.uint32)
    occurring = np.flatnonzero(np.bincount(sizes, minlength=1))
    crcs[occurring] = masked_crcs(occurring.astype("<u8").view(np.uint8).reshape(-1, 8))
    return crcs
