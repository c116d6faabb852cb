"""From a choice to examples: finding the file, recognising the format, reading every row once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetEmpty, DatasetFormatUnknown, DatasetNotFound
from backend.data.examples import Example
from backend.data.formats import Format, by_name, detect
from backend.data.readers import read_rows
from backend.data.rows import Row, RowProblem
from config.catalog import SAMPLE_PREFIX, sample_path


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row and its example."""

    row: Row
    example: Example


def resolve(path: str, base: Path) -> Path:
    """Where a dataset lies: a shipped sample by name, or a path relative to `base`. Raises DatasetNotFound."""
    if path.startswith(SAMPLE_PREFIX):
        found = sample_path(path.removeprefix(SAMPLE_PREFIX))
        if found is None:
            raise DatasetNotFound(path=path, reason="there is no sample of this name")
        return found
    return base / Path(path).expanduser()


def read_examples(path: Path, choice: DatasetChoice) -> tuple[Format, Iterator[ReadRow | RowProblem]]:
    """The format, and every row as an example or a problem. Raises DataError for the file as a whole."""
    rows = read_rows(path)
    skipped: list[RowProblem] = []
    first = next((row for row in _noting(rows, skipped) if isinstance(row, Row)), None)
    if first is None:
        reason = f"the first problem is in {skipped[0]}" if skipped else "the file is empty"
        raise DatasetEmpty(path=path, reason=reason)
    chosen = by_name(choice.format) if choice.format != "auto" else detect(frozenset(first.fields), choice.columns)
    if chosen is None:
        columns = ", ".join(sorted(map(str, first.fields))[:20]) or "none"
        raise DatasetFormatUnknown(path=path, columns=columns)
    return chosen, _examples(chosen, choice, skipped, first, rows)


def _noting(rows: Iterator[Row | RowProblem], skipped: list[RowProblem]) -> Iterator[Row | RowProblem]:
    for row in rows:
        if isinstance(row, RowProblem):
            skipped.append(row)
        yield row


def _examples(
    chosen: Format,
    choice: DatasetChoice,
    skipped: list[RowProblem],
    first: Row,
    rest: Iterator[Row | RowProblem],
) -> Iterator[ReadRow | RowProblem]:
    yield from skipped
    yield _example(chosen, choice, first)
    for row in rest:
        yield row if isinstance(row, RowProblem) else _example(chosen, choice, row)


def _example(chosen: Format, choice: DatasetChoice, row: Row) -> ReadRow | RowProblem:
    example = chosen.read(row.fields, choice.columns)
    return RowProblem(row.number, example) if isinstance(example, str) else ReadRow(row, example)
