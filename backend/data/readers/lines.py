"""Lines of a text file, bounded in length, whatever their ends and marks."""

from collections.abc import Callable, Iterator
from pathlib import Path

from backend.data.errors import DatasetUnreadable
from backend.data.readers.opening import open_bytes

MAX_LINE_BYTES = 8_000_000
UTF8_MARK = b"\xef\xbb\xbf"
OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """(number from 1, bytes without line end); None for a line longer than MAX_LINE_BYTES, which is skipped."""
    with open_bytes(path) as file:
        number = 0
        while True:
            line = file.readline(MAX_LINE_BYTES + 1)
            if not line:
                return
            number += 1
            if number == 1:
                line = _without_mark(path, line)
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                _skip_line(file.readline)
                yield number, None
                continue
            yield number, line.rstrip(b"\r\n")


def _without_mark(path: Path, line: bytes) -> bytes:
    if line.startswith(OTHER_MARKS):
        raise DatasetUnreadable(path=path, reason="it begins with a UTF-16 mark and is not UTF-8 text")
    return line.removeprefix(UTF8_MARK)


def _skip_line(readline: Callable[[int], bytes]) -> None:
    """Read on to the end of an overlong line in portions."""
    while (part := readline(MAX_LINE_BYTES)) and not part.endswith(b"\n"):
        pass
