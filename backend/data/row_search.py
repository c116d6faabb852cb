"""Looking for a text, or a pattern, in the rows of a table: portion by portion, so that it can be ended."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from backend.data.row_table import RowTable, rows_of
from backend.errors import UsageError

MAX_FOUND = 10_000
MAX_PATTERN = 500
ROW_SECONDS = 0.2  # a pattern that needs longer for one row would need for ever for some


class PatternRefused(UsageError):
    """A regular expression that cannot be used."""

    id = "search-pattern-refused"
    what = "The rows were not searched."
    why = "The pattern cannot be used: {reason}."
    fix = "Correct the pattern, or search for plain text."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. Capitals make no difference unless `is_exact`."""

    text: str
    is_pattern: bool = False
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Positions of rows in their order; `is_complete` is False where there are more than MAX_FOUND."""

    positions: tuple[int, ...]
    is_complete: bool = True


def search(table: RowTable, wanted: Wanted, progress: Callable[[int], None] = lambda _: None) -> Found:
    """All rows with the text in any of their values, or that the pattern matches somewhere in one value.

    `progress` gets the number of rows looked at; what it raises is passed on. Raises PatternRefused.
    """
    in_portion = _matcher(wanted)
    found: list[int] = []
    for number, first in enumerate(table.facts.starts):
        batch = table.portion(number)
        found += (first + index for index in in_portion(batch))
        if len(found) > MAX_FOUND:
            return Found(tuple(found[:MAX_FOUND]), is_complete=False)
        progress(first + batch.num_rows)
    return Found(tuple(found))


def _matcher(wanted: Wanted) -> Callable[[Any], Iterator[int]]:
    if wanted.is_pattern:
        pattern = _compiled(wanted)
        return lambda batch: _matching(batch, pattern)
    escaped = json.dumps(wanted.text, ensure_ascii=False)[1:-1]  # as it is written inside the rows
    return lambda batch: _containing(batch, escaped, wanted)


def _compiled(wanted: Wanted) -> Any:  # noqa: ANN401 - a regex.Pattern
    if len(wanted.text) > MAX_PATTERN:
        raise PatternRefused(reason=f"it has more than {MAX_PATTERN} characters")
    try:
        return regex.compile(wanted.text, 0 if wanted.is_exact else regex.IGNORECASE)
    except (regex.error, RecursionError, OverflowError) as error:
        raise PatternRefused(reason=str(error) or type(error).__name__) from error


def _containing(batch: Any, escaped: str, wanted: Wanted) -> Iterator[int]:  # noqa: ANN401 - a pyarrow.RecordBatch
    """The whole portion at once, outside of Python; then names of columns are told from values."""
    import pyarrow.compute as pc  # noqa: PLC0415

    texts = batch.column("row").cast("large_string")
    flags = pc.match_substring(texts, escaped, ignore_case=not wanted.is_exact).to_pylist()
    needle = wanted.text if wanted.is_exact else wanted.text.casefold()
    for index, is_there in enumerate(flags):
        if is_there and any(needle in (text if wanted.is_exact else text.casefold()) for text in _texts(batch, index)):
            yield index


def _matching(batch: Any, pattern: Any) -> Iterator[int]:  # noqa: ANN401
    for index in range(batch.num_rows):
        try:
            if any(pattern.search(text, timeout=ROW_SECONDS) for text in _texts(batch, index)):
                yield index
        except TimeoutError as error:
            reason = f"it took more than {ROW_SECONDS:g} seconds for one row"
            raise PatternRefused(reason=reason) from error


def _texts(batch: Any, index: int) -> Iterator[str]:  # noqa: ANN401
    row = rows_of(batch.slice(index, 1), 0)[0]
    return values(row.fields)


def values(value: object) -> Iterator[str]:
    """Every text and number in the values of a row, without the names of its columns."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from values(item)
    elif isinstance(value, list):
        for item in value:
            yield from values(item)
    elif value is not None:
        yield str(value)
