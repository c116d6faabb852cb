"""CurveCache: curves of folders that no longer change, kept in files that are mapped into memory."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from struct import Struct

import pyarrow as pa
import xxhash

from backend.domain import curve_merging, curves
from backend.domain.clock import Clock
from backend.domain.curves import Curves
from backend.event_files.curve_columns import from_batch, to_batch
from backend.event_files.identity import FolderIdentity

DEFAULT_MAX_BYTES = 1_000_000_000
_HEADER = Struct("<8s16s16sQ16x")  # magic, key, checksum of all that follows, its length
_MAGIC = b"PSCURVE1"
_SUFFIX = ".arrow"
_TRIM_TO = 0.9  # of the limit, so that not every file that is written removes one
_USED_SECONDS = 3_600.0  # the last use is noted this precisely
_LEFTOVER_SECONDS = 3_600.0  # a temporary file this old is no longer being written
_READ_PROBLEMS = (OSError, ValueError, KeyError, TypeError, IndexError, pa.ArrowException)


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    size: int
    used_at: float


class CurveCache:
    """One file per folder: a header, then an Arrow IPC file of `to_batch`. Safe from any thread and process.

    A file is written beside its place and renamed, and counts only if its key (the reader's code, the folder, and
    the identity of each of its files) and its checksum are right: what is damaged, outdated or foreign is not
    there, and is replaced by the next writing. Of more than `max_bytes` the least recently used go; 0 keeps nothing.
    All of it may be deleted at any time.
    """

    def __init__(self, folder: Path, clock: Clock, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._folder = folder
        self._prefix = f"{folder}{os.sep}"
        self._clock = clock
        self.max_bytes = max_bytes
        self._num_bytes: int | None = None  # in the folder, as far as we know; others write as well

    def load(self, folder: Path, identity: FolderIdentity) -> Curves | None:
        """What was kept of a folder whose files are these; its arrays are read-only and backed by the file."""
        path = self._path(folder)
        try:
            with pa.memory_map(path) as file:  # closing it leaves the mapping to the arrays
                data = _checked(file.read_buffer(), _key(folder, identity))
            if data is None:
                return None
            found = from_batch(pa.ipc.open_file(pa.BufferReader(data)).get_batch(0))
            self._note_use(path)
        except _READ_PROBLEMS:
            return None
        return found

    def store(self, folder: Path, identity: FolderIdentity, curves: Curves) -> bool:
        """Keep the curves of a folder; whether that worked. A full or forbidden disk is no error."""
        temporary = self._folder / f".{secrets.token_hex(8)}.tmp"
        try:
            batch = to_batch(curves)
            if batch.nbytes > self.max_bytes // 4:
                return False  # it would push out too many others
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                num_bytes = _write(temporary, batch, _key(folder, identity))
                temporary.replace(self._path(folder))
            finally:
                temporary.unlink(missing_ok=True)
        except (OSError, OverflowError, pa.ArrowException):
            return False
        self._count(num_bytes)
        return True

    def _path(self, folder: Path) -> str:
        """A text, since making a Path of it would take a tenth of the time of loading."""
        return self._prefix + sha256(os.fsencode(folder)).hexdigest()[:32] + _SUFFIX

    def _note_use(self, path: str) -> None:
        now = self._clock.now().timestamp()
        with suppress(OSError):  # it may belong to somebody else, or be gone by now: what was mapped stays right
            if now - os.stat(path).st_mtime > _USED_SECONDS:  # noqa: PTH116
                os.utime(path, (now, now))

    def _count(self, num_bytes: int) -> None:
        if self._num_bytes is not None:
            self._num_bytes += num_bytes
        if self._num_bytes is None or self._num_bytes > self.max_bytes:
            self._num_bytes = self._trim()

    def _trim(self) -> int:
        """Remove what was not used for longest, and what killed writers left behind; the bytes that remain."""
        entries = sorted(_entries(self._folder), key=lambda entry: entry.used_at)
        num_bytes = sum(entry.size for entry in entries)
        aim = self.max_bytes if num_bytes <= self.max_bytes else self.max_bytes * _TRIM_TO
        now = self._clock.now().timestamp()
        for entry in entries:
            is_leftover = not entry.path.endswith(_SUFFIX)
            if now - entry.used_at > _LEFTOVER_SECONDS if is_leftover else num_bytes > aim:
                with suppress(OSError):
                    Path(entry.path).unlink()
                    num_bytes -= entry.size
        return num_bytes


def _entries(folder: Path) -> list[_Entry]:
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                if entry.name.endswith((_SUFFIX, ".tmp")) and not entry.is_dir(follow_symlinks=False):
                    found.append(_Entry(entry.path, status.st_size, status.st_mtime))
    return found


def _checked(content: pa.Buffer, key: bytes) -> pa.Buffer | None:
    """What follows the header, if all of it is as it was written under this key."""
    if content.size < _HEADER.size:
        return None
    magic, found_key, checksum, length = _HEADER.unpack_from(content)
    data = content.slice(_HEADER.size)
    if (magic, found_key, length) != (_MAGIC, key, data.size):
        return None
    return data if xxhash.xxh3_128_digest(memoryview(data)) == checksum else None


class _Summing:
    """A file to write to that knows the checksum of what was written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self._sum = xxhash.xxh3_128()
        self.num_bytes = 0
        self.closed = False
        self._file.write(bytes(_HEADER.size))

    def write(self, data: bytes) -> int:
        """Append."""
        self._sum.update(data)
        self.num_bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing is promised before `finish`."""

    def close(self) -> None:
        """Close without a header: what was written counts for nothing."""
        self.closed = True
        self._file.close()

    def finish(self, key: bytes) -> None:
        """Write the header, which makes it count."""
        self._file.seek(0)
        self._file.write(_HEADER.pack(_MAGIC, key, self._sum.digest(), self.num_bytes))


def _write(path: Path, batch: pa.RecordBatch, key: bytes) -> int:
    file = _Summing(path)
    try:
        sink = pa.PythonFile(file, mode="w")
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        file.finish(key)
    finally:
        file.close()
    return file.num_bytes + _HEADER.size


def _key(folder: Path, identity: FolderIdentity) -> bytes:
    key = sha256(_reader())
    key.update(os.fsencode(folder) + b"\0" + identity.encoded())
    return key.digest()[:16]


@cache
def _reader() -> bytes:
    """Stands for the code that makes curves of bytes, so that no cache outlives a change of it."""
    paths = [*Path(__file__).parent.glob("*.py"), *(Path(str(module.__file__)) for module in (curves, curve_merging))]
    code = sha256()
    with suppress(PackageNotFoundError):
        code.update(version("peft-studio").encode())
    for path in sorted(paths):
        with suppress(OSError):
            code.update(path.read_bytes())
    return code.digest()
