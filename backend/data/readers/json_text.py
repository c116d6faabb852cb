"""JSON of strangers: bounded in depth, strict about what cannot be text or a number."""

import json
import re
from typing import Any

MAX_DEPTH = 64
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonProblem(ValueError):
    """Why a text is not taken, in a few words."""


def parse_json(data: bytes) -> Any:  # noqa: ANN401 - a document may be anything
    """The value of a JSON text. NaN and infinities, deep nesting and lone surrogates are refused: JsonProblem."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonProblem(f"not UTF-8 text at byte {error.start + 1}") from error
    _check_depth(text)
    try:
        value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise JsonProblem(f"no valid JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise JsonProblem("nested too deep") from error
    except JsonProblem:
        raise
    except ValueError as error:  # integers of thousands of digits
        raise JsonProblem("a number is too long") from error
    if "\\ud" in text.lower() and _LONE_SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise JsonProblem("half of a surrogate pair, which is no text")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        first = match[0][0]
        if first in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise JsonProblem(f"nested deeper than {MAX_DEPTH} levels")
        elif first in "]}":
            depth -= 1


def _refuse(name: str) -> None:
    raise JsonProblem(f"{name} is no JSON value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise JsonProblem(f"the key {twice!r} occurs twice")
    return found
