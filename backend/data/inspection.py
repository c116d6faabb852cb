"""A look into a dataset for people: counts, columns, first rows, every kind of problem."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.examples import Example
from backend.data.loading import fingerprint
from backend.data.parts import OpenedPart, names_of, open_parts
from backend.data.prepared import part_fingerprint
from backend.data.reading import Kinds, ReadRow, read_sources
from backend.data.remarks import Remark
from backend.data.rows import RowProblem
from backend.data.sources import resolve
from backend.data.tally import MAX_EXAMPLES_SHOWN, MAX_PROBLEMS_SHOWN, MAX_ROWS_SHOWN, Counts, Tally

DEFAULT_SEED = 42  # that of a run that names none
__all__ = ["MAX_EXAMPLES_SHOWN", "MAX_PROBLEMS_SHOWN", "MAX_ROWS_SHOWN", "DatasetSummary", "inspect"]


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What was found. `num_rows` counts usable rows; `num_duplicates` those that equal an earlier one.

    `first_rows` are raw, usable or not, so that columns can be mapped; `columns` are theirs. `num_train_rows` are
    those of one epoch, `num_validation_rows` those that are evaluated on. `problems` and `remarks` are of the
    validation dataset too. Where `is_complete` is False, the counts are of the first `max_rows` rows only.
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
    num_train_rows: int = 0
    num_validation_rows: int = 0
    remarks: tuple[Remark, ...] = ()
    is_complete: bool = True


def inspect(
    choice: DatasetChoice,
    base: Path,
    max_rows: int | None = None,
    kinds: Kinds | None = None,
    *,
    seed: int = DEFAULT_SEED,
    may_fetch: bool = False,
) -> DatasetSummary:
    """Read every row once, or the first `max_rows`; memory does not grow with the rows but for a few hashes.

    Only formats that give one of `kinds` are taken, if any are named; `seed` is that of the split. Hub datasets
    are looked into only with `may_fetch`. Problems of rows are in the summary; raises DataError for a file as a whole.
    """
    opened = open_parts(choice, base, may_fetch=may_fetch)
    tally, formats = Tally(names_of(opened)), list[str]()
    rows = _rows(opened, kinds, tally, formats)
    for row in islice(rows, max_rows):
        tally.add(row)
    is_complete = max_rows is None or next(rows, None) is None
    return _summary(choice, base, opened, tally, tally.counts(choice, seed), formats[0], is_complete)


def _rows(
    opened: list[OpenedPart], kinds: Kinds | None, tally: Tally, formats: list[str]
) -> Iterator[ReadRow | RowProblem]:
    """All rows of all parts; the tally is told where each part begins, `formats` gets the format of each."""
    for each in opened:
        name, rows = read_sources(each.sources, each.part, kinds)
        formats.append(name)
        tally.begin_part(is_validation=each.is_validation, num_sources=len(each.sources))
        yield from rows


def _summary(
    choice: DatasetChoice,
    base: Path,
    opened: list[OpenedPart],
    tally: Tally,
    counts: Counts,
    name: str,
    is_complete: bool,
) -> DatasetSummary:
    marks = [part_fingerprint([source.fingerprint() for source in each.sources]) for each in opened]
    second = marks.pop() if opened[-1].is_validation else None
    return DatasetSummary(
        path=Path(choice.path) if choice.hub_id else resolve(choice.path, base),
        format=name,
        num_rows=tally.num_rows,
        columns=tuple(dict.fromkeys(str(name) for fields in tally.first_rows for name in fields)),
        first_rows=tuple(tally.first_rows),
        examples=tuple(tally.examples),
        problems=tuple(tally.problems),
        num_problems=tally.num_problems,
        num_duplicates=counts.num_duplicates,
        fingerprint=fingerprint(marks, choice.parts, second),
        size_bytes=sum(source.size_bytes for each in opened for source in each.sources if not each.is_validation),
        num_train_rows=counts.num_train_rows,
        num_validation_rows=counts.num_validation_rows,
        remarks=counts.remarks,
        is_complete=is_complete,
    )
