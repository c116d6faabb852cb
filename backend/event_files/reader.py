"""EventFileReader: what was appended to one event file since the last look."""

import math
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from backend.domain.curve_merging import Batch
from backend.domain.curves import Damage
from backend.event_files.buffers import borrowed
from backend.event_files.chains import Places
from backend.event_files.columns import Columns
from backend.event_files.crc import masked_crc
from backend.event_files.decoding import decode
from backend.event_files.event import parse_event
from backend.event_files.frames import BLOCK_BYTES
from backend.event_files.headers import FOOTER_BYTES, FRAME_BYTES, HEADER_BYTES
from backend.event_files.layouts import Layout
from backend.event_files.learned import learned
from backend.event_files.runs import Runs
from backend.event_files.scanning import Scanner
from backend.event_files.templates import Data
from backend.event_files.wire import MalformedRecord

_FINGERPRINT_BYTES = 64  # enough for the wall time of the last record, which no rewriting repeats
_TAIL_BYTES = 64 * 1024  # of what is read, the checksums are always checked: a writer may have been cut off there
_PIECE_BYTES = 16 * 1024  # for the general path, before runs are looked for again; doubled while there are none
_MAX_LARGE_BYTES = 16 * 1024**2  # a record larger than a block is looked at up to this size, such as an image
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW  # a pipe must not block, a link not lead away


class EventFileReader:
    """Reads one growing file; a look at an unchanged file costs one stat.

    A record that is not yet complete is left for later. Damaged bytes are skipped up to the next frame whose
    two CRCs are right; while there is none, they are tried again whenever the file changes, and are already
    part of `damage`. The file is read from its start again when another file has its place (device and
    inode), when it is shorter than what was read, or when the bytes before the place of reading have changed.

    `started_at` is the wall time of the first record in seconds, 0 before there is one.
    """

    def __init__(self, path: Path, name: str | None = None, block_bytes: int = BLOCK_BYTES) -> None:
        self._path = path
        self._block_bytes = block_bytes
        self._name = path.name if name is None else name
        self._identity: tuple[int, int] | None = None  # device and inode
        self._seen: tuple[int, int, int, int] | None = None  # of a file that was read to its end
        self._start_over()

    def _start_over(self) -> None:
        self._runs = Runs(learned())
        self._scanner = Scanner(self._block_bytes, self._runs.learned.headers)
        self._is_from_start = True
        self._fingerprint = b""  # the bytes before the offset
        self._tags: set[str] = set()
        self._piece_bytes = _PIECE_BYTES
        self._is_strict = False  # damage was found where nobody had looked
        self._unchecked: list[tuple[int, int]] = []  # bytes that were read but not checked, first and end
        self.started_at = 0.0

    @property
    def damage(self) -> tuple[Damage, ...]:
        """The bytes that could not be read, in the order of the file."""
        return tuple(Damage(self._name, first, last) for first, last in self._scanner.damage())

    def read(self) -> Iterator[Batch]:
        """What was appended since the last call, in batches of some MiB; nothing if there is no such file.

        The first batch after a new start has `from_start`, and comes even if it is empty. What the system
        refuses to read is damage.
        """
        size = 0
        try:
            status = self._path.stat()
            size = status.st_size
            if _signature(status) == self._seen or not stat.S_ISREG(status.st_mode):
                return
            handle = os.open(self._path, _OPEN)
            try:
                with borrowed(self._block_bytes) as buffer:
                    yield from self._read(handle, memoryview(buffer))
            finally:
                os.close(handle)
        except FileNotFoundError:
            return
        except OSError:
            self._scanner.give_up(size)

    @property
    def num_unverified_bytes(self) -> int:
        """How many bytes were read without checking their checksums."""
        return sum(end - first for first, end in self._unchecked)

    def verify(self, max_bytes: int) -> bool:
        """Check what was not checked when it was read, up to about so many bytes; whether it is damaged.

        If it is, the next read starts again and checks all.
        """
        try:
            handle = os.open(self._path, _OPEN)
            try:
                is_sound = self._is_another(handle, os.fstat(handle)) or self._are_sound(handle, max_bytes)
            finally:
                os.close(handle)
        except OSError:
            return False
        if not is_sound:
            self._start_over()
            self._is_strict, self._seen = True, None
        return not is_sound

    def _are_sound(self, handle: int, max_bytes: int) -> bool:
        while self._unchecked and max_bytes > 0:
            at, end = self._unchecked[0]
            num, enough = 0, min(end - at, max_bytes)
            for size in (enough + _PIECE_BYTES, self._block_bytes):  # the last frame may end behind the end
                num = num or self._runs.num_sound_bytes(os.pread(handle, min(size, self._block_bytes), at), enough)
            if not num:
                return False
            max_bytes -= num
            self._unchecked[0] = (at + num, end)
            if at + num >= end:
                del self._unchecked[0]
        return True

    def _read(self, handle: int, buffer: memoryview) -> Iterator[Batch]:
        status = os.fstat(handle)
        if self._is_another(handle, status) or self._is_finished(handle, status.st_size):
            self._start_over()
        self._identity, self._seen = (status.st_dev, status.st_ino), None
        self._runs.learned = learned()
        self._scanner.cut(status.st_size)
        base, size = self._scanner.offset, status.st_size
        check_from = 0 if self._is_strict else max(base, size - _TAIL_BYTES)
        while base < size:
            data = _read(handle, base, min(self._block_bytes, size - base), buffer)
            if base + len(data) < min(base + self._block_bytes, size):
                size = base + len(data)  # it was cut while we read
            batch = self._block(base, data, check_from, is_last=base + len(data) >= size)
            self._fingerprint = self._before_offset(handle, base, data)
            yield from self._worth_telling(batch)
            if base + len(data) >= size:
                break
            base, batch = self._next_base(handle, base, size)
            yield from self._worth_telling(batch)
        at = self._scanner.offset
        self._scanner.settle(size, os.pread(handle, HEADER_BYTES, at) if at < size else b"")
        self._seen = _signature(status)
        yield from self._worth_telling(Batch({}))

    def _before_offset(self, handle: int, base: int, data: Data) -> bytes:
        """The fingerprint; from data at base, if it is there."""
        at = self._scanner.offset - base
        return bytes(data[at - _FINGERPRINT_BYTES : at]) if at >= _FINGERPRINT_BYTES else _before(handle, base + at)

    def _next_base(self, handle: int, base: int, size: int) -> tuple[int, Batch]:
        """Where to go on, and what a record larger than a block says."""
        batch = self._pass_over(handle, size) if self._scanner.offset == base else Batch({})
        return self._scanner.searched, batch

    def _pass_over(self, handle: int, size: int) -> Batch:
        """Skip a record larger than a block, if the frame behind it shows that its length is right."""
        scanner = self._scanner
        at = scanner.offset
        length = scanner.length(os.pread(handle, HEADER_BYTES, at)) or 0
        end = at + FRAME_BYTES + length
        header = os.pread(handle, HEADER_BYTES, end) if end <= size else b""
        is_followed = end <= size and (len(header) < HEADER_BYTES or scanner.length(header) is not None)
        if FRAME_BYTES + length <= self._block_bytes or not is_followed:
            scanner.lose_track()
            return Batch({})
        scanner.advance(end)
        self._fingerprint = _before(handle, end)
        return self._large(handle, at + HEADER_BYTES, length) if length <= _MAX_LARGE_BYTES else Batch({})

    def _large(self, handle: int, start: int, length: int) -> Batch:
        columns = Columns(self._tags)
        record = os.pread(handle, length, start)
        if masked_crc(record) != int.from_bytes(os.pread(handle, FOOTER_BYTES, start + length), "little"):
            self._scanner.add_damage(start - HEADER_BYTES, start + length + FOOTER_BYTES - 1)
            return Batch({})
        with suppress(MalformedRecord):
            columns.add_record(Layout(parse_event(record), record, b""), record, start)
        return columns.batch()

    def _is_finished(self, handle: int, size: int) -> bool:
        """Whether a record that was left unfinished is whole now: what was found inside of it is no event."""
        if self._scanner.torn is None or size < self._scanner.torn[1]:
            return False
        first, end = self._scanner.torn
        self._scanner.torn = None
        frame = os.pread(handle, end - first, first) if end - first <= _MAX_LARGE_BYTES else b""
        return masked_crc(frame[HEADER_BYTES:-FOOTER_BYTES]) == int.from_bytes(frame[-FOOTER_BYTES:], "little")

    def _is_another(self, handle: int, status: os.stat_result) -> bool:
        if (status.st_dev, status.st_ino) != self._identity:
            return self._identity is not None
        at = self._scanner.offset - len(self._fingerprint)
        return os.pread(handle, len(self._fingerprint), at) != self._fingerprint

    def _block(self, base: int, data: Data, check_from: int, *, is_last: bool) -> Batch:
        """What a block says, and how far it was understood: runs, and between them pieces for the general path."""
        columns, scanner = Columns(self._tags), self._scanner
        at, end = base, base + len(data)
        while at < end:
            if at == scanner.offset:
                at = self._runs_from(base, data, at, check_from, columns, is_last=is_last)
                if at == end or (at > base and not is_last and end - at < self._runs.width):
                    break
            piece = bytes(data[at - base : at - base + self._piece_bytes])
            is_whole = at + len(piece) == end
            starts, lengths = scanner.frames(at, piece, is_last=is_last and is_whole)
            self._decode(at, piece, starts, lengths, columns)
            if is_whole:
                break
            at, self._piece_bytes = scanner.searched, self._piece_bytes * 2
        return columns.batch()

    def _runs_from(self, base: int, data: Data, at: int, check_from: int, columns: Columns, *, is_last: bool) -> int:
        end, num_bytes = self._runs.read(data, at - base, base, columns, check_from - base, is_last=is_last)
        if num_bytes > self._piece_bytes:
            self._piece_bytes = _PIECE_BYTES
        self._scanner.advance(base + end)
        if num_bytes and at < check_from:
            self._leave_unchecked(at, min(base + end, check_from))
        if not self.started_at and columns.first_wall_time is not None:
            self.started_at = columns.first_wall_time
        return base + end

    def _leave_unchecked(self, first: int, end: int) -> None:
        if self._unchecked and self._unchecked[-1][1] == first:
            first = self._unchecked.pop()[0]
        self._unchecked.append((first, end))

    def _decode(self, base: int, data: bytes, starts: Places, lengths: Places, columns: Columns) -> None:
        decoded = decode(data, starts, lengths, base, self._tags, self._runs.learned.layouts)
        for index in decoded.malformed:
            start = base + int(starts[index])
            self._scanner.add_damage(start - HEADER_BYTES, start + int(lengths[index]) + FOOTER_BYTES - 1)
        if not self.started_at and len(starts):
            self.started_at = _wall_time(data[starts[0] : starts[0] + lengths[0]])
        columns.add_decoded(decoded)

    def _worth_telling(self, batch: Batch) -> Iterator[Batch]:
        if self._is_from_start or batch.points or batch.restarts or batch.num_ignored_points or batch.others:
            batch = replace(batch, from_start=self._is_from_start)
            self._is_from_start = False
            yield batch


def _signature(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read(handle: int, at: int, size: int, buffer: memoryview) -> memoryview:
    """Bytes of a file, in a buffer that is used again and again."""
    return buffer[: os.preadv(handle, [buffer[:size]], at)]


def _before(handle: int, offset: int) -> bytes:
    at = max(0, offset - _FINGERPRINT_BYTES)
    return os.pread(handle, offset - at, at)


def _wall_time(record: bytes) -> float:
    try:
        wall_time = parse_event(record).wall_time(record)
    except MalformedRecord:
        return 0.0
    return wall_time if math.isfinite(wall_time) else 0.0
