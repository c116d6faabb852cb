"""Changing one key of a TOML file's text, keeping its comments where that is certain to be right."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Values = dict[str, Any]
_TABLE = re.compile(r"\s*\[")


def with_value(text: str, key: str, value: object) -> str:
    """The text with a value at a key or table.key; None takes the key away. Raises ValueError if it is no TOML."""
    wanted = _changed(tomllib.loads(text), key.split("."), value)
    edited = _edited(text, key, value)
    try:
        is_right = tomllib.loads(edited) == wanted
    except tomllib.TOMLDecodeError:
        is_right = False
    return edited if is_right else written(wanted)


def written(values: Mapping[str, Any]) -> str:
    """A whole file; comments have no place in values."""
    return "\n".join(_lines(values, "")).strip() + "\n"


def _changed(values: Values, path: list[str], value: object) -> Values:
    first, *rest = path
    changed = dict(values)
    if rest:
        below = _changed(changed.get(first, {}), rest, value)
        changed |= {first: below}
    elif value is None:
        changed.pop(first, None)
    else:
        changed[first] = value
    return changed


def _edited(text: str, key: str, value: object) -> str:
    """Assumes one line per key; the caller compares what comes out."""
    table, _, name = key.rpartition(".")
    lines = text.splitlines()
    begin, end = _part(lines, table)
    pattern = re.compile(rf"\s*{re.escape(name)}\s*=\s*(?P<value>[^#]*?)(?P<comment>\s*#.*)?$")
    matches = ((i, pattern.match(lines[i])) for i in range(begin, end))
    found, match = next(((i, match) for i, match in matches if match), (None, None))
    line = f"{name} = {_value(value)}"
    if found is not None:
        comment = (match and match["comment"]) or ""
        kept = [*lines[:found], *([] if value is None else [line + comment]), *lines[found + 1 :]]
    elif value is None:
        kept = lines
    elif table and not begin:
        kept = [*lines, "", f"[{table}]", line]
    else:
        kept = [*lines[:end], line, *lines[end:]]
    return "\n".join(kept).strip() + "\n"


def _part(lines: list[str], table: str) -> tuple[int, int]:
    """The lines of a table without its header; of the top level for "". (0, 0) if there is no such table."""
    begin = 0
    if table:
        begin = next((i + 1 for i, line in enumerate(lines) if line.split("#")[0].strip() == f"[{table}]"), 0)
        if not begin:
            return 0, 0
    end = next((i for i in range(begin, len(lines)) if _TABLE.match(lines[i])), len(lines))
    while end > begin and not lines[end - 1].strip():
        end -= 1
    return begin, end


def _lines(values: Mapping[str, Any], above: str) -> Iterator[str]:
    for key, value in values.items():
        if not isinstance(value, Mapping):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield f"\n[{above}{_key(key)}]"
            yield from _lines(value, f"{above}{_key(key)}.")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: object) -> str:
    """As TOML writes it: texts like JSON's, but for the character DEL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value) if isinstance(value, int | float) else str(value)  # dates are written as they read
