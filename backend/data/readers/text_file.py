"""Plain text: paragraphs separated by blank lines."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.readers.lines import MAX_LINE_BYTES, read_lines
from backend.data.rows import Row, RowProblem


def read_text_file(path: Path) -> Iterator[Row | RowProblem]:
    """One row {"text": ...} a paragraph, numbered by its first line."""
    paragraph: list[str] = []
    size = start = 0
    for number, line in read_lines(path):
        text = _text(line)
        size += len(line or b"")
        if text is None or size > MAX_LINE_BYTES:
            yield RowProblem(number, "not UTF-8 text" if text is None and line is not None else "too long")
            paragraph, size = [], 0
        elif text.strip():
            start = start if paragraph else number
            paragraph.append(text)
        elif paragraph:
            yield Row(start, {"text": "\n".join(paragraph)})
            paragraph, size = [], 0
    if paragraph:
        yield Row(start, {"text": "\n".join(paragraph)})


def _text(line: bytes | None) -> str | None:
    try:
        return None if line is None else line.decode("utf-8")
    except UnicodeDecodeError:
        return None
