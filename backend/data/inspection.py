"""A look into a dataset for people: counts, columns, first rows, every kind of problem."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from backend.data.choice import DatasetChoice
from backend.data.examples import Example
from backend.data.loading import fingerprint
from backend.data.reading import ReadRow, read_examples, resolve
from backend.data.rows import RowProblem

MAX_ROWS_SHOWN = 20
MAX_EXAMPLES_SHOWN = 5
MAX_PROBLEMS_SHOWN = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What was found. `num_rows` counts usable rows; `num_duplicates` those that equal an earlier one."""

    path: Path
    format: str
    num_rows: int
    columns: tuple[str, ...]
    first_rows: tuple[Mapping[str, object], ...]
    examples: tuple[Example, ...]
    problems: tuple[RowProblem, ...]
    num_problems: int
    num_duplicates: int
    fingerprint: str
    size_bytes: int


def inspect(choice: DatasetChoice, base: Path) -> DatasetSummary:
    """Read every row once. Problems of rows are in the summary; raises DataError for the file as a whole."""
    path = resolve(choice.path, base)
    chosen, rows = read_examples(path, choice)
    first_rows: list[Mapping[str, object]] = []
    examples: list[Example] = []
    problems: list[RowProblem] = []
    seen: set[int] = set()
    num_rows = num_problems = 0
    for row in rows:
        if isinstance(row, ReadRow):
            num_rows += 1
            seen.add(hash(row.example))
            _keep(first_rows, row.row.fields, MAX_ROWS_SHOWN)
            _keep(examples, row.example, MAX_EXAMPLES_SHOWN)
        else:
            num_problems += 1
            _keep(problems, row, MAX_PROBLEMS_SHOWN)
    return DatasetSummary(
        path=path,
        format=chosen.name,
        num_rows=num_rows,
        columns=tuple(map(str, first_rows[0])) if first_rows else (),
        first_rows=tuple(first_rows),
        examples=tuple(examples),
        problems=tuple(problems),
        num_problems=num_problems,
        num_duplicates=num_rows - len(seen),
        fingerprint=fingerprint(path),
        size_bytes=path.stat().st_size,
    )


def _keep(kept: list[T], item: T, limit: int) -> None:
    if len(kept) < limit:
        kept.append(item)
