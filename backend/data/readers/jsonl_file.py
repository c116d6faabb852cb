"""JSON lines: one object a line."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.readers.json_text import JsonProblem, parse_json
from backend.data.readers.lines import MAX_LINE_BYTES, read_lines
from backend.data.rows import Row, RowProblem


def read_jsonl(path: Path) -> Iterator[Row | RowProblem]:
    """One row a line; blank lines are passed over."""
    for number, line in read_lines(path):
        if line is None:
            yield RowProblem(number, f"longer than {MAX_LINE_BYTES:,} bytes")
        elif line.strip():
            yield _row(number, line)


def _row(number: int, line: bytes) -> Row | RowProblem:
    try:
        value = parse_json(line)
    except JsonProblem as problem:
        return RowProblem(number, str(problem))
    if not isinstance(value, dict):
        return RowProblem(number, "no JSON object ({...})")
    return Row(number, value)
