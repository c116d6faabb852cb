"""A pass over a dataset for the data doctor: a fair sample of its rows, and everything wrong with their texts."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetUnreadable
from backend.data.examples import Example
from backend.data.raw_lines import RawLines, scan
from backend.data.reading import ReadRow, read_examples, resolve
from backend.data.rows import RowProblem
from backend.domain.data_findings import finding
from backend.domain.data_report import DataFinding
from backend.domain.text_checks import BYTE_ORDER_MARK, garbled, marks_in, role_problem, texts

MAX_READ = 1_000_000  # rows; a larger file is sampled from its beginning
NUM_NAMED = 3


@dataclass(slots=True)
class SampledRows:
    """What the pass kept: usable rows drawn evenly, and the problems of all rows by their numbers."""

    path: Path
    format: str = "unknown"
    num_rows: int = 0
    is_complete: bool = True
    sample: list[ReadRow] = field(default_factory=list)
    disordered: dict[int, str] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)
    raw: RawLines = field(default_factory=RawLines)
    unreadable: DatasetUnreadable | None = None

    def examples(self) -> list[tuple[int, Example]]:
        """Numbered examples in the order of the file."""
        return [(row.row.number, row.example) for row in self.sample if not isinstance(row.example, RowProblem)]


def sample_rows(choice: DatasetChoice, base: Path, num_rows: int, seed: int) -> SampledRows:
    """Read the file once. Raises DataError for a file that is not there or whose format is not known.

    Of n rows each has the same chance to be among the `num_rows` (reservoir sampling, algorithm R of
    J. Vitter, Random Sampling with a Reservoir, 1985); the same seed draws the same rows.
    """
    path = resolve(choice.path, base)
    found = SampledRows(path)
    try:
        found.format, rows = read_examples(path, choice)
        found.raw = scan(path)
        _take(found, rows, num_rows, random.Random(seed))  # noqa: S311 - a sample, not a secret
    except DatasetUnreadable as error:
        found.unreadable = error
    found.sample.sort(key=lambda row: row.row.number)
    return found


def _take(found: SampledRows, rows: Iterable[ReadRow | RowProblem], wanted: int, draw: random.Random) -> None:
    num_usable = 0
    for row in rows:
        if found.num_rows == MAX_READ:
            found.is_complete = False
            return
        found.num_rows += 1
        if isinstance(row, RowProblem):
            found.unusable[row.number] = row.message
        elif isinstance(row.example, RowProblem):
            wrong = role_problem(row.row.fields)
            problems = found.unusable if wrong is None else found.disordered
            problems[row.row.number] = wrong or row.example.message
        else:
            num_usable += 1
            if len(found.sample) < wanted:
                found.sample.append(row)
            elif (place := draw.randrange(num_usable)) < wanted:
                found.sample[place] = row


def text_findings(found: SampledRows, marks: Iterable[str] = ()) -> list[DataFinding]:
    """What is wrong with the file and its texts; `marks` are control tokens that no text should contain."""
    if found.unreadable is not None:
        told = found.unreadable.explain()
        return [finding("dataset-unreadable", why=told.why, fix=told.fix)]
    raw = found.raw
    unusable = {n: why for n, why in found.unusable.items() if n not in raw.broken and n not in raw.marked}
    made = []
    if raw.broken:
        named = ", ".join(f"line {n} at byte {at}" for n, at in list(raw.broken.items())[:NUM_NAMED])
        made.append(finding("mixed-encodings", list(raw.broken), why=named))
    if found.disordered:
        made.append(finding("role-order", list(found.disordered), why=_named(found.disordered)))
    if unusable:
        made.append(finding("rows-unusable", list(unusable), why=_named(unusable)))
    return [*made, *_sample_findings(found, list(marks))]


def _named(problems: dict[int, str]) -> str:
    return "; ".join(f"row {number}: {why}" for number, why in list(problems.items())[:NUM_NAMED])


def _sample_findings(found: SampledRows, marks: list[str]) -> list[DataFinding]:
    """Marks, garbled characters and control tokens inside the texts of the sample."""
    marked, wrong, control = set(found.raw.marked), dict[int, str](), dict[int, list[str]]()
    for row in found.sample:
        number, said = row.row.number, list(texts(row.row.fields))
        if any(BYTE_ORDER_MARK in text for text in said):
            marked.add(number)
        if (bad := next(filter(None, map(garbled, said)), None)) is not None:
            wrong[number] = bad
        if inside := [mark for text in said for mark in marks_in(text, marks)]:
            control[number] = inside
    made = []
    if marked:
        made.append(finding("byte-order-mark", sorted(marked)))
    if wrong:
        made.append(finding("garbled-text", list(wrong), sample=repr(next(iter(wrong.values())))))
    if control:
        named = sorted({mark for inside in control.values() for mark in inside})
        made.append(finding("special-token-in-text", list(control), marks=", ".join(named[:NUM_NAMED])))
    return made
