"""Finding records from the middle of an event file, by the checksum that each frame header carries."""

import os
import stat
from pathlib import Path

from backend.event_files.crc import masked_crc
from backend.event_files.frames import Block
from backend.event_files.headers import FOOTER_BYTES, FRAME_BYTES, HEADER_BYTES, Headers

Frame = tuple[int, int]  # start and length of a payload
Frames = tuple[list[Frame], int]  # one after another, and where that ends

_UPPER_BYTES = bytes(5)  # of a length below 2**24, from its fourth byte on
_MAX_TRIES = 256  # a stretch of zeros is left to the arrays of Block
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW  # a pipe must not block, a link not lead away


def open_file(path: Path | str) -> tuple[int, int] | None:
    """Descriptor and size of a regular file, or None if there is none that may be read."""
    try:
        handle = os.open(path, _OPEN)
    except OSError:
        return None
    try:
        status = os.fstat(handle)
    except OSError:
        os.close(handle)
        return None
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        return None
    return handle, status.st_size


def first_header(data: bytes, at: int, headers: Headers) -> int | None:
    """The first frame header from `at` on, of a record below 16 MiB; None if there is none within a few tries."""
    for _ in range(_MAX_TRIES):
        zeros = data.find(_UPPER_BYTES, at + 3)
        if zeros < 0 or zeros + HEADER_BYTES - 3 > len(data):
            return None
        if headers.length(data[zeros - 3 : zeros - 3 + HEADER_BYTES]) is not None:
            return zeros - 3
        at = zeros - 2
    return None


def walk(data: bytes, at: int, headers: Headers) -> Frames:
    """Whole frames one after another from `at` on, and where that ends. Payloads are not verified."""
    frames = []
    last = len(data) - HEADER_BYTES
    length_of_known, length_of = headers.known.get, headers.length
    while at <= last:
        header = data[at : at + HEADER_BYTES]
        length = length_of_known(header)
        if length is None:
            length = length_of(header)
        if length is None or at + FRAME_BYTES + length > len(data):
            break
        frames.append((at + HEADER_BYTES, length))
        at += FRAME_BYTES + length
    return frames, at


def is_sound(data: bytes, frame: Frame) -> bool:
    """Whether the checksum of a payload is right."""
    start, length = frame
    end = start + length
    return masked_crc(data[start:end]) == int.from_bytes(data[end : end + FOOTER_BYTES], "little")


def is_end(data: bytes, at: int, headers: Headers) -> bool:
    """Whether a chain of frames may end here: nothing comes, or the beginning of a frame, or zeros left by a crash.

    A chain that ends in another way may also lie inside a larger record, such as a text that holds an event file.
    """
    rest = data[at : at + HEADER_BYTES]
    is_frame = len(rest) == HEADER_BYTES and headers.length(rest) is not None
    return is_frame or not data[at:].strip(b"\0")


def is_inside_record(data: bytes, end: int, headers: Headers) -> bool:
    """Whether frames that end here lie inside a record, whose checksum comes next and then a frame."""
    header = data[end + FOOTER_BYTES : end + FOOTER_BYTES + HEADER_BYTES]
    return len(header) == HEADER_BYTES and headers.length(header) is not None


def sound_chains(data: bytes, headers: Headers, *, is_start: bool) -> list[Frames]:
    """The undamaged frames of the end of a file, as EventFileReader finds them, with where each chain of them ends.

    `is_start` if it is the whole file. Payloads are verified. Costs more than walk().
    """
    block = Block(data, headers, len(data) + 1)
    at = 0 if is_start else block.next_frame(0)[0]
    chains: list[Frames] = []
    while at is not None:
        chain = block.chain(at)
        if is_start or not is_inside_record(data, chain.end, headers):
            chains.append((list(zip(chain.starts.tolist(), chain.lengths.tolist(), strict=True)), chain.end))
        at = None if chain.end == len(data) else block.next_frame(chain.end + 1)[0]
    return chains
