"""Records of several values, taken apart into records of one value each, as arrays.

Such records have as many layouts as there are ways to put tags together, so that nearly each would be parsed on its
own; their values have few. Each value gets a record with the wall time and the step of the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.event_files.chains import Places
from backend.event_files.frames import by_length, gather

_WALL_TIME_KEY, _STEP_KEY, _SUMMARY_KEY, _VALUE_KEY = 0x09, 0x10, 0x2A, 0x0A
_BEHIND_WALL_TIME = 9
_MORE, _DIGITS = 0x80, 0x7F  # of a byte of a varint
_MAX_STEP_BYTES, _MAX_SIZE_BYTES = 10, 3
_PADDING = bytes(_BEHIND_WALL_TIME + _MAX_STEP_BYTES + _MAX_SIZE_BYTES + 2)  # what is looked at behind the last record
_FEWEST = 2  # records: one alone is parsed as quickly
_SEVERAL = 2
_BYTES_PER_VALUE = 8  # a number alone takes seven; with less there is nothing to show, and much to allocate
_SHIFT = 32

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Parts:
    """Records of one value in `data`, in the order of writing; `owners` are the indices of the whole records."""

    data: bytes
    starts: Places
    lengths: Places
    owners: Places

    def owners_at(self, starts: Places) -> Places:
        """The whole records of those that begin at some places."""
        owners: Places = self.owners[np.searchsorted(self.starts, starts)]
        return owners


def taken_apart(data: bytes, starts: Places, lengths: Places) -> Parts | None:
    """What is written as usual (wall time, step, a summary of values) and has two values or more; None if nothing is.

    Of a record all values are taken, or none.
    """
    flat, ends = np.frombuffer(data + _PADDING, np.uint8), starts + lengths
    heads, firsts, is_usual = _heads(flat, starts, ends)
    owners, begins, stops = _values(flat, firsts, ends, is_usual, len(data) // _BYTES_PER_VALUE)
    nums = np.bincount(owners, minlength=len(starts))
    is_wanted = nums[owners] >= _SEVERAL
    owners, begins, stops = owners[is_wanted], begins[is_wanted], stops[is_wanted]
    if not len(owners):
        return None
    order = np.argsort(begins)
    owners, begins, sizes = owners[order], begins[order], (stops - begins)[order]
    return _written(data, owners, starts[owners], heads[owners], begins, sizes)


def _heads(flat: Bytes, starts: Places, ends: Places) -> tuple[Places, Places, Flags]:
    """The bytes before each summary, where its first value begins, and whether it fills the rest of the record."""
    at = starts + _BEHIND_WALL_TIME
    is_usual = (flat[starts] == _WALL_TIME_KEY) & (at < ends)
    at = np.where(is_usual, at, starts)
    has_step = flat[at] == _STEP_KEY
    _, behind, is_whole = _varints(flat, at + 1, _MAX_STEP_BYTES)
    is_usual &= is_whole | ~has_step
    at = np.where(has_step, behind, at)
    size, first, is_whole = _varints(flat, at + 1, _MAX_SIZE_BYTES)
    is_usual &= (flat[at] == _SUMMARY_KEY) & is_whole & (first + size == ends)
    return at - starts, first, is_usual


def _values(
    flat: Bytes, firsts: Places, ends: Places, is_usual: Flags, max_values: int
) -> tuple[Places, Places, Places]:
    """The record, the first and the last byte but one of each value of records that consist of nothing else."""
    found = [(np.empty(0, np.int64),) * 3]
    is_complete = np.zeros(len(ends), np.bool_)
    left = np.flatnonzero(is_usual & (firsts < ends))
    at, num = firsts[left], 0
    while len(left) >= _FEWEST and num + len(left) <= max_values:
        size, first, is_whole = _varints(flat, at + 1, _MAX_SIZE_BYTES)
        stop = first + size
        is_value = (flat[at] == _VALUE_KEY) & is_whole & (stop <= ends[left])
        left, at, stop = left[is_value], at[is_value], stop[is_value]
        found.append((left, at, stop))
        num += len(left)
        is_complete[left] = is_over = stop == ends[left]
        left, at = left[~is_over], stop[~is_over]
    owners, begins, stops = (np.concatenate(column) for column in zip(*found, strict=True))
    keep = is_complete[owners]
    return owners[keep], begins[keep], stops[keep]


def _varints(flat: Bytes, at: Places, max_bytes: int) -> tuple[Places, Places, Flags]:
    """The numbers that begin at some places, where they end, and whether they do."""
    byte = flat[at]
    number, stop, is_open = (byte & np.uint8(_DIGITS)).astype(np.int64), at + 1, byte >= _MORE
    for place in range(1, max_bytes):
        if not is_open.any():
            break
        byte = flat[at + place]
        digits = (byte & np.uint8(_DIGITS)).astype(np.int64) << (7 * place)
        number, stop = np.where(is_open, number | digits, number), stop + is_open
        is_open = is_open & (byte >= _MORE)
    return number, stop, ~is_open


def _written(data: bytes, owners: Places, starts: Places, heads: Places, begins: Places, sizes: Places) -> Parts:
    """Each value behind the head of its record."""
    lengths = heads + 1 + _num_bytes(sizes) + sizes
    ends = np.cumsum(lengths)
    written = np.empty(int(ends[-1]), np.uint8)
    for _, members in by_length(heads << _SHIFT | sizes):
        head, size, length = (int(column[members[0]]) for column in (heads, sizes, lengths))
        places = np.lib.stride_tricks.sliding_window_view(written, length, writeable=True)
        rows = np.empty((len(members), length), np.uint8)
        rows[:, :head] = gather(data, starts[members], head)
        rows[:, head : length - size] = np.frombuffer(bytes([_SUMMARY_KEY, *_varint(size)]), np.uint8)
        rows[:, length - size :] = gather(data, begins[members], size)
        places[(ends - lengths)[members]] = rows
    return Parts(written.tobytes(), ends - lengths, lengths, owners)


def _num_bytes(sizes: Places) -> Places:
    """How many bytes each number takes as a varint."""
    more: Places = 1 + (sizes > _DIGITS).astype(np.int64) + (sizes >> 14 > 0)
    return more


def _varint(number: int) -> Iterator[int]:
    while number > _DIGITS:
        yield number & _DIGITS | _MORE
        number >>= 7
    yield number
