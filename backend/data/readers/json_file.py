"""A JSON file with a list of objects, bare or under the one key that holds a list."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.errors import DatasetUnreadable
from backend.data.readers.json_text import JsonProblem, parse_json
from backend.data.readers.lines import OTHER_MARKS, UTF8_MARK
from backend.data.rows import Row, RowProblem

MAX_BYTES = 1_000_000_000
_KEYS = ("data", "rows", "examples", "train", "conversations", "items")


def read_json(path: Path) -> Iterator[Row | RowProblem]:
    """One row an object; the file is read whole, and refused beyond MAX_BYTES."""
    if path.stat().st_size > MAX_BYTES:
        raise DatasetUnreadable(
            path=path, reason=f"a .json file is read whole, and this one exceeds {MAX_BYTES:,} bytes"
        )
    data = path.read_bytes()
    if data.startswith(OTHER_MARKS):
        raise DatasetUnreadable(path=path, reason="it begins with a UTF-16 mark and is not UTF-8 text")
    if not data.strip():
        return
    try:
        value = parse_json(data.removeprefix(UTF8_MARK))
    except JsonProblem as problem:
        raise DatasetUnreadable(path=path, reason=str(problem)) from problem
    for number, item in enumerate(_items(path, value), 1):
        yield Row(number, item) if isinstance(item, dict) else RowProblem(number, "no JSON object ({...})")


def _items(path: Path, value: object) -> list[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for key in _KEYS:
            inner = value.get(key)
            if isinstance(inner, list) and inner and isinstance(inner[0], dict) and len(value) == 1:
                return inner
        return [value]
    raise DatasetUnreadable(path=path, reason="it holds neither a list of objects nor an object")
