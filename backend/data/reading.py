"""From a choice to examples: finding the file, recognising the format, reading every row once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetEmpty, DatasetFormatUnknown, DatasetNotFound
from backend.data.examples import Example
from backend.data.formats import Format, by_name, detect
from backend.data.readers import read_rows
from backend.data.rows import Row, RowProblem
from config.catalog import SAMPLE_PREFIX, sample_path

MAX_SKIPPED = 100_000
MAX_COLUMNS_NAMED = 20


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row, and its example or what keeps it from being one."""

    row: Row
    example: Example | RowProblem


def resolve(path: str, base: Path) -> Path:
    """Where a dataset lies: a shipped sample by name, or a path relative to `base`. Raises DatasetNotFound."""
    if path.startswith(SAMPLE_PREFIX):
        found = sample_path(path.removeprefix(SAMPLE_PREFIX))
        if found is None:
            raise DatasetNotFound(path=path, reason="there is no sample of this name")
        return found
    try:
        return base / Path(path).expanduser()
    except RuntimeError as error:  # ~name of nobody
        raise DatasetNotFound(path=path, reason=str(error)) from error


def read_examples(path: Path, choice: DatasetChoice) -> tuple[str, Iterator[ReadRow | RowProblem]]:
    """The name of the format, and every row: read as an example, or a RowProblem if it could not even be read.

    The first readable row decides the format. Without any, the name is the chosen one ("auto" if none was).
    Raises DataError for the file as a whole, at the call or when rows are taken.
    """
    rows = read_rows(path)
    skipped: list[RowProblem] = []
    first = _first_row(rows, skipped)
    if first is None:
        if not skipped:
            raise DatasetEmpty(path=path, reason="the file is empty")
        return choice.format, chain(skipped, (row for row in rows if isinstance(row, RowProblem)))
    chosen = by_name(choice.format) if choice.format != "auto" else _detect(path, choice, first)
    read = (row if isinstance(row, RowProblem) else _example(chosen, choice, row) for row in chain([first], rows))
    return chosen.name, chain(skipped, read)


def _first_row(rows: Iterator[Row | RowProblem], skipped: list[RowProblem]) -> Row | None:
    """The first row that could be read; `skipped` takes the problems before it, up to MAX_SKIPPED."""
    for row in rows:
        if isinstance(row, Row):
            return row
        skipped.append(row)
        if len(skipped) == MAX_SKIPPED:
            break
    return None


def _detect(path: Path, choice: DatasetChoice, first: Row) -> Format:
    chosen = detect(frozenset(first.fields), choice.columns)
    if chosen is None:
        names = sorted(str(name)[:80] for name in first.fields)
        raise DatasetFormatUnknown(path=path, columns=", ".join(names[:MAX_COLUMNS_NAMED]) or "none")
    return chosen


def _example(chosen: Format, choice: DatasetChoice, row: Row) -> ReadRow:
    example = chosen.read(row.fields, choice.columns)
    return ReadRow(row, RowProblem(row.number, example) if isinstance(example, str) else example)
