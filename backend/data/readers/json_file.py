"""A JSON file with a list of objects, bare or under the key data."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.errors import DatasetUnreadable
from backend.data.readers.json_text import JsonProblem, parse_json
from backend.data.readers.lines import OTHER_MARKS, UTF8_MARK
from backend.data.rows import Row, RowProblem

MAX_BYTES = 500_000_000
LIST_KEYS = ("data", "rows", "examples", "train", "items")


def read_json(path: Path) -> Iterator[Row | RowProblem]:
    """One row an object; the file is read whole, and refused beyond MAX_BYTES (JSON lines have no limit)."""
    if path.stat().st_size > MAX_BYTES:
        reason = f"a .json file is read whole, and this one exceeds {MAX_BYTES:,} bytes; use .jsonl instead"
        raise DatasetUnreadable(path=path, reason=reason)
    data = path.read_bytes()
    if data.startswith(OTHER_MARKS):
        raise DatasetUnreadable(path=path, reason="it begins with a UTF-16 mark and is not UTF-8 text")
    if not data.strip():
        return
    try:
        value = parse_json(data.removeprefix(UTF8_MARK))
    except JsonProblem as problem:
        hint = "; it looks like JSON lines, rename it to .jsonl" if "Extra data" in str(problem) else ""
        raise DatasetUnreadable(path=path, reason=f"{problem}{hint}") from problem
    for number, item in enumerate(_items(path, value), 1):
        yield Row(number, item) if isinstance(item, dict) else RowProblem(number, "no JSON object ({...})")


def _items(path: Path, value: object) -> list[object]:
    """The rows: a list, the list under a usual key (columnar `data` is not one), or a single object."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for key in LIST_KEYS:
            inner = value.get(key)
            if isinstance(inner, list) and all(isinstance(item, dict) for item in inner):
                return inner
        return [value]
    raise DatasetUnreadable(path=path, reason="it holds neither a list of objects nor an object")
