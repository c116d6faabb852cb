"""A sample of the records of one event file, by small reads at even distances."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.event_files.chains import Places
from backend.event_files.crc import masked_crcs
from backend.event_files.frames import by_length, gather
from backend.event_files.headers import FOOTER_BYTES, HEADER_BYTES, Headers
from backend.event_files.resync import Frame, first_header, is_end, open_file, sound_chains, walk

READ_BYTES = (1_024, 8_192, 32_768)  # more if records are longer than what is read of them
MAX_WHOLE_BYTES = 1024**2  # a file that is not longer is read whole
_MIN_READS = 2  # both ends of a file
_GOLDEN = 0.6180339887498949  # its multiples keep the reads from beating with a cycle of tags


@dataclass(frozen=True, slots=True)
class Sample:
    """Undamaged records at data[start:start+length], in the order of the file, whose size was `num_bytes`."""

    data: bytes
    starts: Places
    lengths: Places
    num_bytes: int
    num_bytes_read: int


def sample(path: Path, num_reads: int, headers: Headers) -> Sample | None:
    """Records from about so many places of a file, both ends among them; None if it cannot be read."""
    opened = open_file(path)
    if opened is None:
        return None
    handle, size = opened
    try:
        return _whole(handle, size, headers) if size <= MAX_WHOLE_BYTES else _part(handle, size, num_reads, headers)
    except OSError:
        return None
    finally:
        os.close(handle)


def _whole(handle: int, size: int, headers: Headers) -> Sample:
    data = os.pread(handle, size, 0)
    frames = [frame for chain, _ in sound_chains(data, headers, is_start=True) for frame in chain]
    starts, lengths = _places(frames)
    return Sample(data, starts, lengths, size, len(data))


def _part(handle: int, size: int, num_reads: int, headers: Headers) -> Sample:
    num_bytes_read = 0
    for read_bytes in READ_BYTES:
        offsets = _offsets(size, num_reads, read_bytes)
        _announce(handle, offsets, read_bytes + HEADER_BYTES - 1)
        chunks = [os.pread(handle, read_bytes + HEADER_BYTES - 1, at) for at in offsets]
        num_bytes_read += sum(map(len, chunks))
        frames = _frames(chunks, read_bytes, headers)
        if 2 * len(frames) >= len(chunks):
            break
    data = b"".join(chunks)
    starts, lengths = _places(frames)
    is_sound = _are_sound(data, starts, lengths)
    return Sample(data, starts[is_sound], lengths[is_sound], size, num_bytes_read)


def _announce(handle: int, offsets: list[int], num_bytes: int) -> None:
    """Let the system fetch all places at once, and not read ahead at each (128 KiB); not every system can be told."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
        for at in offsets:
            os.posix_fadvise(handle, at, num_bytes, os.POSIX_FADV_WILLNEED)


def _offsets(size: int, num_reads: int, read_bytes: int) -> list[int]:
    """Rising, without overlap: the beginning, the end, and one somewhere in each of equal stretches between."""
    num_reads = max(_MIN_READS, min(num_reads, size // read_bytes))
    stretch = size / num_reads
    between = [int(i * stretch + i * _GOLDEN % 1 * (stretch - read_bytes)) for i in range(1, num_reads - 1)]
    return [0, *between, max(0, size - read_bytes)]


def _frames(chunks: list[bytes], read_bytes: int, headers: Headers) -> list[Frame]:
    """Frames in each chunk, by their place in all chunks together."""
    found: list[Frame] = []
    base = 0
    for chunk in chunks:
        part = chunk[:read_bytes]  # the header behind it can still be seen
        at = first_header(part, 0, headers)
        while at is not None:
            frames, end = walk(part, at, headers)
            if is_end(chunk, end, headers):
                found += [(base + start, length) for start, length in frames]
                break
            at = first_header(part, end + 1, headers)
        base += len(chunk)
    return found


def _places(frames: list[Frame]) -> tuple[Places, Places]:
    places = np.array(frames, np.int64).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def _are_sound(data: bytes, starts: Places, lengths: Places) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Whether the checksum of each payload is right."""
    are_sound = np.zeros(len(starts), np.bool_)
    for length, members in by_length(lengths):
        rows = gather(data, starts[members], length + FOOTER_BYTES)
        stored = np.ascontiguousarray(rows[:, length:]).view("<u4")[:, 0]
        are_sound[members] = masked_crcs(rows[:, :length]) == stored
    return are_sound
