"""From a choice to examples: recognising the format, reading every row once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from backend.data.choice import DatasetPart
from backend.data.errors import DatasetEmpty, DatasetFormatUnknown, DatasetKindUnsuitable
from backend.data.examples import Example
from backend.data.formats import Format, by_name, detect, formats
from backend.data.rows import Row, RowProblem
from backend.data.sources import FileSource, Source, resolve
from backend.spec import ExampleKind

MAX_SKIPPED = 100_000
MAX_COLUMNS_NAMED = 20
Kinds = tuple[ExampleKind, ...]

__all__ = ["Kinds", "ReadRow", "read_examples", "read_sources", "resolve"]


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row, and its example or what keeps it from being one; `source` counts from 0."""

    row: Row
    example: Example | RowProblem
    source: int = 0


def read_examples(
    path: Path, part: DatasetPart, kinds: Kinds | None = None
) -> tuple[str, Iterator[ReadRow | RowProblem]]:
    """One file, read as `read_sources` reads several."""
    return read_sources((FileSource(path),), part, kinds)


def read_sources(
    sources: tuple[Source, ...], part: DatasetPart, kinds: Kinds | None = None
) -> tuple[str, Iterator[ReadRow | RowProblem]]:
    """The name of the format, and every row: read as an example, or a RowProblem if it could not even be read.

    The first readable row decides the format, among those that give one of `kinds` (None: any). Without such a
    row the name is the chosen one ("auto" if none was). Raises DataError for the part as a whole, at the call or
    when rows are taken.
    """
    if part.format != "auto":
        _check_kind(by_name(part.format), part, kinds)
    rows = _rows(sources)
    skipped: list[RowProblem] = []
    first = _first_row(rows, skipped)
    if first is None:
        if not skipped:
            raise DatasetEmpty(path=_name(sources, part), reason="there are no rows in it")
        return part.format, chain(skipped, (row for row in rows if isinstance(row, RowProblem)))
    chosen = by_name(part.format) if part.format != "auto" else _detect(part, first[1], kinds)
    names = [source_name(sources, index) for index in range(len(sources))]
    read = (row if isinstance(row, RowProblem) else _example(chosen, part, row, names) for row in chain([first], rows))
    return chosen.name, chain(skipped, read)


def source_name(sources: tuple[Source, ...], index: int) -> str:
    """What a row is said to be of; nothing where there is only one source."""
    return sources[index].name if len(sources) > 1 else ""


def _rows(sources: tuple[Source, ...]) -> Iterator[tuple[int, Row] | RowProblem]:
    for index, source in enumerate(sources):
        name = source_name(sources, index)
        for row in source.rows():
            yield (index, row) if isinstance(row, Row) else RowProblem(row.number, row.message, name)


def _first_row(rows: Iterator[tuple[int, Row] | RowProblem], skipped: list[RowProblem]) -> tuple[int, Row] | None:
    """The first row that could be read; `skipped` takes the problems before it, up to MAX_SKIPPED."""
    for row in rows:
        if not isinstance(row, RowProblem):
            return row
        skipped.append(row)
        if len(skipped) == MAX_SKIPPED:
            break
    return None


def _detect(part: DatasetPart, first: Row, kinds: Kinds | None) -> Format:
    columns = frozenset(first.fields)
    chosen = detect(columns, part.columns, kinds)
    if chosen is not None:
        return chosen
    unsuitable = detect(columns, part.columns)
    if unsuitable is not None:
        _check_kind(unsuitable, part, kinds)
    names = sorted(str(name)[:80] for name in first.fields)
    raise DatasetFormatUnknown(path=part.path, columns=", ".join(names[:MAX_COLUMNS_NAMED]) or "none")


def _check_kind(chosen: Format, part: DatasetPart, kinds: Kinds | None) -> None:
    if kinds is None or chosen.gives in kinds:
        return
    raise DatasetKindUnsuitable(
        path=part.path,
        format=chosen.name,
        given=chosen.gives.value,
        wanted=" or ".join(kinds),
        fitting=", ".join(each.name for each in formats() if each.gives in kinds) or "none",
    )


def _example(chosen: Format, part: DatasetPart, found: tuple[int, Row], names: list[str]) -> ReadRow:
    index, row = found
    example = chosen.read(row.fields, part.columns)
    problem = RowProblem(row.number, example, names[index]) if isinstance(example, str) else None
    return ReadRow(row, problem or example, index)  # type: ignore[arg-type] # an example where there is no problem


def _name(sources: tuple[Source, ...], part: DatasetPart) -> str:
    return sources[0].name if len(sources) == 1 else part.path
