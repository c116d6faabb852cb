"""JSON of strangers: bounded in depth, strict about what cannot be text or a number."""

import json
import math
import re
from collections import Counter
from typing import Any

MAX_DEPTH = 64
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


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
    value = _parse(text)
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    if "\\ud" in text.lower() and _LONE_SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise JsonProblem("half of a surrogate pair, which is no text")
    return value


def _parse(text: str) -> Any:  # noqa: ANN401 - a document may be anything
    """The C scanner stops at the interpreter's recursion limit, whatever the text."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno} " if error.lineno > 1 else ""
        said = error.msg.removesuffix(" at")
        raise JsonProblem(f"no valid JSON: {said} at {line}character {error.colno}") from error
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
