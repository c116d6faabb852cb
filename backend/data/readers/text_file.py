"""Plain text: paragraphs separated by blank lines."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.readers.lines import MAX_LINE_BYTES, read_lines
from backend.data.rows import Row, RowProblem


def read_text_file(path: Path) -> Iterator[Row | RowProblem]:
    """One row {"text": ...} a paragraph, numbered by its first line; a broken paragraph is one problem."""
    for start, paragraph in _paragraphs(path):
        if paragraph is None:
            yield RowProblem(start, f"longer than {MAX_LINE_BYTES:,} bytes")
            continue
        try:
            yield Row(start, {"text": paragraph.decode("utf-8")})
        except UnicodeDecodeError:
            yield RowProblem(start, "not UTF-8 text")


def _paragraphs(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Number of the first line and the bytes; None for a paragraph that is too long to be kept."""
    lines: list[bytes] = []
    start = size = 0
    for number, line in read_lines(path):
        if line is not None and not line.strip():
            if size:
                yield start, _joined(lines, size)
            lines, size = [], 0
            continue
        start = start if size else number
        size += MAX_LINE_BYTES + 1 if line is None else len(line) + 1
        if line is not None and size <= MAX_LINE_BYTES:
            lines.append(line)
    if size:
        yield start, _joined(lines, size)


def _joined(lines: list[bytes], size: int) -> bytes | None:
    return None if size > MAX_LINE_BYTES else b"\n".join(lines)
