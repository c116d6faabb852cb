"""A look into a dataset for people: counts, columns, first rows, every kind of problem."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.examples import Example
from backend.data.loading import fingerprint
from backend.data.reading import ReadRow, read_examples, resolve
from backend.data.rows import RowProblem

MAX_ROWS_SHOWN = 20
MAX_EXAMPLES_SHOWN = 5
MAX_PROBLEMS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What was found. `num_rows` counts usable rows; `num_duplicates` those that equal an earlier one.

    `first_rows` are raw, usable or not, so that columns can be mapped; `columns` are theirs. Where
    `is_complete` is False, the counts are of the first `max_rows` rows only.
    """

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
    is_complete: bool = True


@dataclass(slots=True)
class _Tally:
    """What is kept of the rows while they pass."""

    num_rows: int = 0
    num_problems: int = 0
    first_rows: list[Mapping[str, object]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def add(self, row: ReadRow | RowProblem) -> None:
        found = row.example if isinstance(row, ReadRow) else row
        if isinstance(row, ReadRow) and len(self.first_rows) < MAX_ROWS_SHOWN:
            self.first_rows.append(row.row.fields)
        if isinstance(found, RowProblem):
            self.num_problems += 1
            if len(self.problems) < MAX_PROBLEMS_SHOWN:
                self.problems.append(found)
            return
        self.num_rows += 1
        self.seen.add(hash(found))  # 64 bits: a million rows collide by chance in one of 37 million datasets
        if len(self.examples) < MAX_EXAMPLES_SHOWN:
            self.examples.append(found)


def inspect(choice: DatasetChoice, base: Path, max_rows: int | None = None) -> DatasetSummary:
    """Read every row once, or the first `max_rows`; memory does not grow with the file's rows but for hashes.

    Problems of rows are in the summary; raises DataError for the file as a whole.
    """
    path = resolve(choice.path, base)
    name, rows = read_examples(path, choice)
    tally = _Tally()
    for row in islice(rows, max_rows):
        tally.add(row)
    is_complete = max_rows is None or next(rows, None) is None
    columns = dict.fromkeys(str(name) for fields in tally.first_rows for name in fields)
    return DatasetSummary(
        path=path,
        format=name,
        num_rows=tally.num_rows,
        columns=tuple(columns),
        first_rows=tuple(tally.first_rows),
        examples=tuple(tally.examples),
        problems=tuple(tally.problems),
        num_problems=tally.num_problems,
        num_duplicates=tally.num_rows - len(tally.seen),
        fingerprint=fingerprint(path),
        size_bytes=path.stat().st_size,
        is_complete=is_complete,
    )
