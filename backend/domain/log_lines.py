"""Which lines of a log are errors and warnings. Pure; a heuristic, since trainers and libraries write as they like."""

import re
from collections.abc import Iterable
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
_WARNING = re.compile(r"\bWARN(ING)?\b|[Ww]arning\b", re.ASCII)


def chosen(lines: Iterable[str], level: Level, wanted: str = "") -> list[str]:
    """The lines of a level or graver that contain `wanted`, whatever its case.

    The lines of a traceback, up to the exception it ends with, are errors.
    """
    needle = wanted.casefold()
    is_inside = False
    found = []
    for line in lines:
        is_error = is_inside or _TRACEBACK in line or _ERROR.search(line) is not None
        is_inside = _TRACEBACK in line or (is_inside and line[:1] in (" ", "\t", ""))
        fits = is_error or level is Level.ALL or (level is Level.WARNINGS and _WARNING.search(line) is not None)
        if fits and needle in line.casefold():
            found.append(line)
    return found
