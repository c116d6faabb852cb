"""JSON of strangers: bounded in depth, strict about what cannot be text or a number."""

import json
import math
import re
from collections import Counter
from typing import Any

MAX_DEPTH = 64
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"[ \t\n\r]*")


class JsonProblem(ValueError):
    """Why a text is not taken, in a few words."""


def parse_json(data: bytes) -> Any:  # noqa: ANN401 - a document may be anything
    """The value of a JSON text.

    Raises JsonProblem for what is no JSON, for NaN, infinities and numbers beyond a float, for nesting
    deeper than MAX_DEPTH, for a key that occurs twice, and for lone surrogates.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonProblem(f"not UTF-8 text at byte {error.start + 1}") from error
    try:
        value, end = scan_json(text, skip_space(text, 0))
        _check_end(text, skip_space(text, end))
    except json.JSONDecodeError as error:
        line = f"line {error.lineno} " if error.lineno > 1 else ""
        said = error.msg.removesuffix(" at")
        raise JsonProblem(f"no valid JSON: {said} at {line}character {error.colno}") from error
    return value


def skip_space(text: str, start: int) -> int:
    """Where the white space that begins at `start` ends."""
    found = _SPACE.match(text, start)
    return found.end() if found else start


def _check_end(text: str, end: int) -> None:
    if end < len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def scan_json(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends.

    Raises JSONDecodeError for what is no JSON or is cut, JsonProblem as `parse_json`.
    """
    value, end = _decode(text, start)
    if text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH:
        _check_depth(value)
    if _may_have_surrogates(text, start, end) and _LONE_SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise JsonProblem("half of a surrogate pair, which is no text")
    return value, end


def _may_have_surrogates(text: str, start: int, end: int) -> bool:
    return text.find("\\ud", start, end) >= 0 or text.find("\\uD", start, end) >= 0


def _decode(text: str, start: int) -> tuple[Any, int]:
    """The C scanner stops at the interpreter's recursion limit, whatever the text."""
    try:
        return _DECODER.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except RecursionError as error:
        raise JsonProblem(f"nested deeper than {MAX_DEPTH} levels") from error
    except JsonProblem:
        raise
    except ValueError as error:  # integers of thousands of digits
        raise JsonProblem("a number is too long") from error


def _check_depth(value: object) -> None:
    """Level by level, without recursion: a value that has something on level 65 is too deep."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
    if any(isinstance(item, dict | list) for item in level):
        raise JsonProblem(f"nested deeper than {MAX_DEPTH} levels")


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _refuse(name: str) -> None:
    raise JsonProblem(f"{name} is no JSON value")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise JsonProblem(f"the number {digits[:20]} is too large")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise JsonProblem(f"the key {name[:80]!r} occurs twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
