"""Logs that programs append to without end: capped while they are written, and read over the seam.

A log is up to three files: `x.log`, which its writer has open in append mode; `x.log.1`, the beginning, written
once; `x.log.2`, the newest lines before the last cut, under a note that says how much was dropped. The writer is
never asked and never waits: the file is truncated under it, and its next line is the new first one.
"""

import os
import re
from pathlib import Path

_NOTE = re.compile(rb"\[peft-studio: about (\d+) bytes of this log were dropped here[^\n]*\n")
_LONGEST_NOTE_BYTES = 200
_TRIES = 3


def cap(log: Path, max_bytes: int) -> int:
    """Cut the log if its present part takes more than half of `max_bytes`; about how many bytes were dropped now.

    A quarter is for the beginning and one for the newest lines before the cut. These are kept in memory for the
    moment of the cut, which loses only what is written between two system calls, and makes room for their copy.
    Raises OSError; then, too, a log that is too long is cut: it may be what fills the disk.
    """
    quarter = max_bytes // 4
    size = _size(log)
    if size <= 2 * quarter:
        return 0
    beginning, newest = parts(log)[:2]
    dropped = _left_behind(newest) - quarter
    try:
        if not beginning.exists():
            _replace(beginning, _read(log, 0, quarter))
            dropped -= quarter
    finally:
        dropped, end = dropped + _size(log), _cut(log, quarter)
    note = f"[peft-studio: about {dropped} bytes of this log were dropped here, as it is kept to {max_bytes}]\n"
    _replace(newest, note.encode() + end)
    return dropped


def _cut(log: Path, num_bytes: int) -> bytes:
    """Empty the log; its last whole lines in so many bytes."""
    with log.open("rb+") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - num_bytes - 1))
        end = file.read()
        file.truncate(0)
    return _from_a_line(end[-num_bytes - 1 :])


def tail(log: Path, max_bytes: int) -> bytes:
    """The end of a log over all of its parts, from the start of a line. Raises OSError if there is no log."""
    for _ in range(_TRIES):
        before = _stamp(log)
        found = _joined(log, max_bytes)
        if _stamp(log) == before:
            break
    return found


def parts(log: Path) -> tuple[Path, Path, Path]:
    """The files of a log in the order in which they were written; some may be missing."""
    return log.with_name(f"{log.name}.1"), log.with_name(f"{log.name}.2"), log


def num_bytes(log: Path) -> int:
    """Of all of its parts."""
    return sum(map(_size, parts(log)))


def _joined(log: Path, max_bytes: int) -> bytes:
    """One byte more is read than asked for: it tells whether the cut is at the start of a line."""
    pieces: list[bytes] = []
    left = max_bytes + 1
    for part in reversed(parts(log)):
        size = log.stat().st_size if part == log else _size(part)
        if size and left:
            pieces.insert(0, _read(part, max(0, size - left), left))
            left -= len(pieces[0])
    text = b"".join(pieces)
    return text if left else _from_a_line(text)[-max_bytes:]


def _left_behind(newest: Path) -> int:
    """What the note of the last cut counted, and what is dropped with the lines below it."""
    head = _read(newest, 0, _LONGEST_NOTE_BYTES) if newest.exists() else b""
    note = _NOTE.match(head)
    return int(note[1]) + _size(newest) - note.end() if note else 0


def _stamp(log: Path) -> int:
    """Changes with each cut."""
    try:
        return parts(log)[1].stat().st_ino
    except FileNotFoundError:
        return 0


def _read(path: Path, start: int, num_bytes: int) -> bytes:
    with path.open("rb") as file:
        file.seek(start)
        return file.read(num_bytes)


def _from_a_line(text: bytes) -> bytes:
    """Without the rest of a line that began before."""
    return text[text.find(b"\n") + 1 :]


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
