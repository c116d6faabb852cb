"""Which lines of a log are errors and warnings. Pure; a heuristic, since trainers and libraries write as they like."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum


class Level(StrEnum):
    """The lines that are wanted: all, warnings with errors, or errors only."""

    ALL = "all"
    WARNINGS = "warnings"
    ERRORS = "errors"


_TRACEBACK = "Traceback (most recent call last):"
_ERROR = re.compile(
    r"\b(ERROR|CRITICAL|FATAL|Fatal Python error|Killed|Segmentation fault)\b|^\s*[\w.]*(Error|Exception)\b"
)
_ERROR_WORDS = ("error", "exception", "traceback", "critical", "fatal", "killed", "segmentation")
_WARNING = re.compile(r"\bWARN(ING)?\b|[Ww]arning\b", re.ASCII)


def chosen(lines: Iterable[str], level: Level, wanted: str = "") -> list[str]:
    """The lines of a level or graver that contain `wanted`, whatever its case.

    The lines of a traceback, up to the exception it ends with, are errors.
    """
    needle = wanted.casefold()
    graver = lines if level is Level.ALL else _graver(lines, level)
    return [line for line in graver if needle in line.casefold()]


def _graver(lines: Iterable[str], level: Level) -> Iterator[str]:
    is_inside = False
    for line in lines:
        is_error = is_inside or _is_error(line)
        is_inside = _TRACEBACK in line or (is_inside and line[:1] in (" ", "\t", ""))
        if is_error or (level is Level.WARNINGS and "warn" in line.casefold() and _WARNING.search(line)):
            yield line


def _is_error(line: str) -> bool:
    """The words are looked for first: a pattern costs ten times as much, and a log has many lines."""
    plain = line.casefold()
    if not any(word in plain for word in _ERROR_WORDS):
        return False
    return _TRACEBACK in line or _ERROR.search(line) is not None
