"""A JSON file with a list of objects, bare or under the key data."""

from collections.abc import Iterator
from pathlib import Path

from backend.data.errors import DatasetUnreadable
from backend.data.readers.json_stream import NO_ROWS, JsonStream
from backend.data.readers.json_text import JsonProblem, parse_json
from backend.data.readers.lines import OTHER_MARKS, UTF8_MARK
from backend.data.readers.opening import open_bytes
from backend.data.rows import Row, RowProblem

WHOLE_BYTES = 8_000_000
LIST_KEYS = ("data", "rows", "examples", "train", "items")


def read_json(path: Path) -> Iterator[Row | RowProblem]:
    """One row an object. Up to WHOLE_BYTES the file is parsed at once, beyond that object by object.

    Of a long file's object, the first list under one of LIST_KEYS gives the rows, whatever is in it.
    """
    with open_bytes(path) as file:
        head = file.read(WHOLE_BYTES + 1)
        if head.startswith(OTHER_MARKS):
            raise DatasetUnreadable(path=path, reason="it begins with a UTF-16 mark and is not UTF-8 text")
        is_whole = len(head) <= WHOLE_BYTES
        head = head.removeprefix(UTF8_MARK)
        if is_whole and not head.strip():
            return
        try:
            items = _whole(head) if is_whole else _streamed(JsonStream(head, file))
            for number, item in enumerate(items, 1):
                yield Row(number, item) if isinstance(item, dict) else RowProblem(number, "no JSON object ({...})")
        except JsonProblem as problem:
            hint = "; it looks like JSON lines, rename it to .jsonl" if "Extra data" in str(problem) else ""
            raise DatasetUnreadable(path=path, reason=f"{problem}{hint}") from problem


def _whole(data: bytes) -> Iterator[object]:
    """The rows: a list, the list under a usual key (columnar `data` is not one), or a single object."""
    value = parse_json(data)
    if isinstance(value, list):
        yield from value
    elif isinstance(value, dict):
        yield from next((rows for key in LIST_KEYS if (rows := _rows(value.get(key))) is not None), [value])
    else:
        raise JsonProblem(NO_ROWS)


def _rows(value: object) -> list[object] | None:
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else None


def _streamed(stream: JsonStream) -> Iterator[object]:
    if stream.peek() == "[":
        yield from stream.items()
    elif stream.peek() == "{":
        yield from _list_inside(stream)
    else:
        raise JsonProblem(NO_ROWS)
    stream.end()


def _list_inside(stream: JsonStream) -> Iterator[object]:
    is_found = False
    for key in stream.each_key():
        if key in LIST_KEYS and stream.peek() == "[":
            items = stream.items()
            yield from () if is_found else items
            is_found = True
            for _ in items:  # of a second list
                pass
        else:
            stream.value()
    if not is_found:
        raise JsonProblem(f"its object has no list of rows under one of {', '.join(LIST_KEYS)}")
