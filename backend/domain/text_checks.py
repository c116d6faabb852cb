"""What can be wrong with the texts of a dataset: marks, encodings, and the order of the turns."""

import re
from collections.abc import Iterable, Iterator, Mapping

from backend.data.examples import ROLES

BYTE_ORDER_MARK = "\ufeff"
ROLE_KEYS = ("role", "from")
# UTF-8 bytes read as Windows-1252 or Latin-1: a first byte and as many further ones as it announces. Of the
# two-byte ones only those of Western Europe, because a capital before a closing quote looks like the others.
_FURTHER = "[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
_SUSPECT = re.compile(f"[\u00c2\u00c3\u00c5]{_FURTHER}|[\u00e0-\u00ef]{_FURTHER}{{2}}|[\u00f0-\u00f4]{_FURTHER}{{3}}")
_LOST = re.compile("[\ufffd\u0080-\u009f]")


def texts(value: object) -> Iterator[str]:
    """Every text in a row's fields, names of fields among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts(item)


def garbled(text: str) -> str | None:
    """The first characters that show a wrong decoding, or None.

    A suspect is one only if its characters, written as Windows-1252 or Latin-1, are valid UTF-8.
    """
    lost = _LOST.search(text)
    if lost is not None:
        return lost[0]
    return next((match[0] for match in _SUSPECT.finditer(text) if _is_twice_encoded(match[0])), None)


def _is_twice_encoded(characters: str) -> bool:
    for encoding in ("cp1252", "latin-1"):
        try:
            characters.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        return True
    return False


def role_problem(fields: Mapping[str, object]) -> str | None:
    """What is wrong with the order of the turns in any column, or None; unknown roles are no matter of order."""
    for value in fields.values():
        roles = _roles(value)
        if roles and (wrong := _out_of_order(roles)):
            return wrong
    return None


def _roles(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    roles: list[str] = []
    for item in value:
        said = next((item[key] for key in ROLE_KEYS if item.get(key)), None) if isinstance(item, Mapping) else None
        role = ROLES.get(str(said).lower())
        if role is None:
            return []
        roles.append(role)
    return roles


def _out_of_order(roles: list[str]) -> str | None:
    spoken = roles[1:] if roles[0] == "system" else roles
    before = len(roles) - len(spoken)
    for index, role in enumerate(spoken):
        expected = "assistant" if index % 2 else "user"
        if role != expected:
            return f"turn {index + 1 + before} is of the {role}, expected one of the {expected}"
    if spoken and spoken[-1] != "assistant":
        return "the last turn is not an answer of the assistant"
    return None


def marks_in(text: str, marks: Iterable[str]) -> list[str]:
    """Which of the marks occur in a text."""
    return [mark for mark in marks if mark in text]
