"""Choosing names by a regular expression that a person typed, whatever it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex

MAX_PATTERN = 300  # characters
TOTAL_SECONDS = 0.25  # for all names together, as long as there are not more than TOTAL / LEAST
LEAST_SECONDS = 0.0005  # for one name; honest patterns take microseconds


@dataclass(frozen=True, slots=True)
class Choice:
    """The names that fit, in their order; `problem` says why the pattern was searched for as plain text."""

    names: tuple[str, ...]
    problem: str = ""


def choose(names: Iterable[str], pattern: str) -> Choice:
    """The names in which the pattern is found, upper and lower case alike; all of them if it is blank.

    Never raises, and never takes long: what is no regular expression of Python's regex module, is too long, or
    takes too much time is searched for as it is written.
    """
    every = tuple(names)
    wanted = pattern.strip()
    if not wanted:
        return Choice(every)
    if len(wanted) > MAX_PATTERN:
        return _plain(every, wanted, f"is longer than {MAX_PATTERN} characters")
    try:
        compiled = regex.compile(wanted, regex.IGNORECASE | regex.VERSION0)
        return Choice(_found(compiled, every))
    except TimeoutError:
        return _plain(every, wanted, "takes too long")
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError, IndexError) as error:
        return _plain(every, wanted, f"is not a regular expression ({_short(error)})")


def _found(compiled: "regex.Pattern[str]", names: Sequence[str]) -> tuple[str, ...]:
    timeout = max(LEAST_SECONDS, TOTAL_SECONDS / max(1, len(names)))
    return tuple(name for name in names if compiled.search(name, timeout=timeout) is not None)


def _plain(names: Sequence[str], wanted: str, why: str) -> Choice:
    text = wanted.casefold()
    return Choice(tuple(name for name in names if text in name.casefold()), f"It {why}; searched for as plain text.")


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:80]
