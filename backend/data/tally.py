"""What is kept of rows while they pass: the first ones, the problems, and a few numbers of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.data.choice import DatasetChoice
from backend.data.examples import Example
from backend.data.packing import exact_hash, pack, text_hash
from backend.data.reading import ReadRow
from backend.data.remarks import MAX_NAMED, Remark, RemarkKind, noticed
from backend.data.rows import RowProblem, row_name
from backend.data.sides import Flags, first_of_each, first_true, held_out, is_among, times
from backend.data.spool import Spool

MAX_ROWS_SHOWN = 20
MAX_EXAMPLES_SHOWN = 5
MAX_PROBLEMS_SHOWN = 20
_EXACT, _TEXT = 0, 1  # columns of the spool, followed by source and number


@dataclass(frozen=True, slots=True)
class Counts:
    """What is known once all rows have passed; remarks are those that there are."""

    num_duplicates: int
    num_train_rows: int
    num_validation_rows: int
    remarks: tuple[Remark, ...]


@dataclass(slots=True)
class _Part:
    """The usable rows of a part: from `start` to `end` among all."""

    is_validation: bool
    start: int
    end: int


@dataclass(slots=True)
class Tally:
    """`names` are those of all sources in order, empty where there is only one."""

    names: Sequence[str]
    num_rows: int = 0
    num_problems: int = 0
    first_rows: list[Mapping[str, object]] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)
    _parts: list[_Part] = field(default_factory=list)
    _sources: tuple[int, int] = (0, 0)
    _seen: dict[RemarkKind, list[str]] = field(default_factory=dict)
    _num_seen: dict[RemarkKind, int] = field(default_factory=dict)
    _spool: Spool = field(default_factory=lambda: Spool(4))

    def begin_part(self, *, is_validation: bool, num_sources: int) -> None:
        """The rows that follow are of the next part."""
        self._parts.append(_Part(is_validation, len(self._spool), len(self._spool)))
        self._sources = (self._sources[1], self._sources[1] + num_sources)

    def add(self, row: ReadRow | RowProblem) -> None:
        """One row of the part that has begun."""
        part = self._parts[-1]
        found = row.example if isinstance(row, ReadRow) else row
        if isinstance(row, ReadRow) and not part.is_validation and len(self.first_rows) < MAX_ROWS_SHOWN:
            self.first_rows.append(row.row.fields)
        if isinstance(found, RowProblem):
            self._problem(found)
        elif isinstance(row, ReadRow):
            self._example(found, row)
            part.end += 1

    def counts(self, choice: DatasetChoice, seed: int) -> Counts:
        """What training with this choice and seed would make of the rows."""
        firsts, validated, leaks = self._sides(choice, seed)
        end = len(firsts)
        kept = ~(validated[:end] | leaks)
        pairs = zip(self._parts, choice.parts, strict=False)  # the validation dataset has no weight
        sizes = [(int(kept[part.start : part.end].sum()), each.weight) for part, each in pairs]
        num_train_rows = sum(whole * size + more for size, weight in sizes for whole, more in [times(size, weight)])
        text = self._spool.column(_TEXT)
        remarks = (
            self._remark(RemarkKind.DUPLICATE, ~firsts),
            *(Remark(kind, self._num_seen[kind], tuple(rows)) for kind, rows in self._seen.items()),
            self._remark(RemarkKind.LEAK, leaks),
            self._remark(RemarkKind.NEAR_LEAK, kept & is_among(text[:end], text[validated])),
        )
        found = tuple(remark for remark in remarks if remark.count)
        return Counts(end - int(firsts.sum()), num_train_rows, int(validated.sum()), found)

    def _sides(self, choice: DatasetChoice, seed: int) -> tuple[Flags, Flags, Flags]:
        """Flags of rows: the first of equal ones, those validated on, those left out because they are validated on.

        The second is of all rows, the others are of those of the training files, which come first.
        """
        exact = self._spool.column(_EXACT)
        end = max((part.end for part in self._parts if not part.is_validation), default=0)
        firsts = first_of_each(exact[:end])
        validated = np.ones(len(exact), dtype=np.bool_)
        if choice.validation is None:
            validated[:end] = held_out(exact[:end], choice.validation_fraction, seed, firsts)
            return firsts, validated, np.zeros(end, dtype=np.bool_)
        validated[:end] = False
        return firsts, validated, is_among(exact[:end], exact[end:])

    def _remark(self, kind: RemarkKind, flags: Flags) -> Remark:
        rows = (self._spool.row(row) for row in first_true(flags, MAX_NAMED))
        return Remark(kind, int(flags.sum()), tuple(self._name(source, number) for _, _, source, number in rows))

    def _name(self, source: int, number: int) -> str:
        return row_name(number, self.names[source])

    def _problem(self, problem: RowProblem) -> None:
        self.num_problems += 1
        if len(self.problems) < MAX_PROBLEMS_SHOWN:
            only = self.names[self._sources[0]] if self._sources[1] - self._sources[0] == 1 else ""
            self.problems.append(RowProblem(problem.number, problem.message, problem.source or only))

    def _example(self, example: Example, row: ReadRow) -> None:
        source = self._sources[0] + row.source
        self._spool.add(exact_hash(pack(example)), text_hash(example), source, row.row.number)
        for kind in noticed(example):
            self._num_seen[kind] = self._num_seen.get(kind, 0) + 1
            named = self._seen.setdefault(kind, [])
            if len(named) < MAX_NAMED:
                named.append(self._name(source, row.row.number))
        if self._parts[-1].is_validation:
            return
        self.num_rows += 1
        if len(self.examples) < MAX_EXAMPLES_SHOWN:
            self.examples.append(example)
