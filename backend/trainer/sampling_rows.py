"""A pass over a dataset for the data doctor: a fair sample of its rows, and everything wrong with their texts."""

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetUnreadable
from backend.data.examples import Example
from backend.data.formats import by_name
from backend.data.parts import OpenedPart, names_of, open_parts
from backend.data.raw_lines import scan
from backend.data.reading import ReadRow, read_sources
from backend.data.remarks import RemarkKind
from backend.data.rows import Row, RowProblem
from backend.data.sources import FileSource, resolve
from backend.data.tally import Counts, Tally
from backend.domain.data_findings import finding
from backend.domain.data_report import DataFinding, GivenRow, PartLook, Place
from backend.domain.text_checks import BYTE_ORDER_MARK, garbled, marks_in, role_problem, texts
from backend.recipes import Recipe
from backend.trainer.readings import USUAL

MAX_READ = 1_000_000  # rows; a larger dataset is sampled from its beginning
NUM_NAMED = 3
SAID_ROWS = 10_000
VALIDATION_SHARE = 4  # one validation row is looked at for so many training rows
REMARKED = {  # what the checks of texts do not say themselves
    RemarkKind.DUPLICATE: "rows-repeated",
    RemarkKind.EMPTY_ANSWER: "answer-empty",
    RemarkKind.LONG_ANSWER: "answer-very-long",
    RemarkKind.LEAK: "leak",
    RemarkKind.NEAR_LEAK: "near-leak",
}


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A usable row and what it is called."""

    place: Place
    row: ReadRow

    @property
    def example(self) -> Example:
        """What the row became."""
        assert not isinstance(self.row.example, RowProblem)
        return self.row.example


@dataclass(slots=True)
class SampledRows:
    """What the pass kept: usable rows drawn evenly, and the problems of all rows by their places."""

    path: Path
    recipe: Recipe | None
    is_complete: bool = True
    parts: list[PartLook] = field(default_factory=list)
    train: list[SampledRow] = field(default_factory=list)
    validation: list[SampledRow] = field(default_factory=list)
    disordered: dict[Place, str] = field(default_factory=dict)
    unusable: dict[Place, str] = field(default_factory=dict)
    marked: list[Place] = field(default_factory=list)
    broken: dict[Place, int] = field(default_factory=dict)
    unreadable: DatasetUnreadable | None = None
    counts: Counts | None = None

    @property
    def num_rows(self) -> int:
        """Rows of all parts that were read, usable or not."""
        return sum(part.num_rows for part in self.parts)

    @property
    def sample(self) -> list[SampledRow]:
        """All rows that were drawn."""
        return [*self.train, *self.validation]


class Reservoir:
    """The `size` rows with the highest keys, each drawn in proportion to its weight.

    P. Efraimidis, P. Spirakis, Weighted random sampling with a reservoir, 2006 (algorithm A-Res): the key of a row
    is u^(1/weight) with u drawn evenly; here its logarithm.
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = size
        self._draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
        self._order = count()
        self._heap: list[tuple[float, int, SampledRow]] = []

    def add(self, row: SampledRow, weight: float) -> None:
        """One more row."""
        entry = (math.log(1.0 - self._draw.random()) / weight, next(self._order), row)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, entry)
        elif self._size:
            heapq.heappushpop(self._heap, entry)

    def rows(self) -> list[SampledRow]:
        """Those that stayed, in the order in which they came."""
        return [row for _, _, row in sorted(self._heap, key=lambda entry: entry[1])]


def sample_rows(
    choice: DatasetChoice,
    base: Path,
    recipe: Recipe | None,
    num_rows: int,
    seed: int,
    say: Callable[[str], None] = lambda _: None,
) -> SampledRows:
    """Read every part once. Raises DataError for one that is not there or that the recipe cannot read.

    Without a recipe the first part's rows choose one. The same seed draws the same rows. `say` hears how far it is.
    """
    path = Path(choice.path) if choice.hub_id else resolve(choice.path, base)
    found = SampledRows(path, recipe)
    reservoirs = Reservoir(num_rows, seed), Reservoir(max(1, num_rows // VALIDATION_SHARE), seed)
    try:
        opened = open_parts(choice, base, may_fetch=True)
        tally = Tally(names_of(opened))
        names = iter(names_of(opened))
        for each in opened:
            named = [next(names) for _ in each.sources]
            _read_part(found, each, named, tally, reservoirs[each.is_validation], say)
        if found.is_complete:
            found.counts = tally.counts(choice, seed)
    except DatasetUnreadable as error:
        found.unreadable = error
    found.train, found.validation = (reservoir.rows() for reservoir in reservoirs)
    return found


def given_rows(choice: DatasetChoice, recipe: Recipe | None, given: Sequence[GivenRow]) -> SampledRows:
    """The same for rows that are handed over. Raises DataError if their format is not known, or does not suit."""
    found = SampledRows(Path(choice.path), recipe, is_complete=False)
    source = _Given(choice.path, given)
    name, rows = read_sources((source,), choice.parts[0], None if recipe is None else recipe.reads)
    if recipe is None and name != "auto":
        found.recipe = USUAL[by_name(name).gives]
    everything = Reservoir(len(given), 0)
    for row, each in zip(rows, given, strict=True):
        problem = row if isinstance(row, RowProblem) else row.example
        if isinstance(problem, RowProblem):
            found.unusable[each.place] = problem.message
        elif isinstance(row, ReadRow):
            everything.add(SampledRow(each.place, row), 1.0)
    found.train = everything.rows()
    found.parts.append(PartLook(path=choice.path, format=name, num_rows=len(given)))
    return found


@dataclass(frozen=True, slots=True)
class _Given:
    """Rows at hand, as a source."""

    name: str
    given: Sequence[GivenRow]
    size_bytes: int = 0

    def fingerprint(self) -> str:
        """Nothing is kept of it."""
        return ""

    def rows(self) -> Iterator[Row | RowProblem]:
        """By their order."""
        return (Row(number, each.fields) for number, each in enumerate(self.given, 1))


def _read_part(
    found: SampledRows,
    each: OpenedPart,
    names: list[str],
    tally: Tally,
    reservoir: Reservoir,
    say: Callable[[str], None],
) -> None:
    kinds = None if found.recipe is None else found.recipe.reads
    name, rows = read_sources(each.sources, each.part, kinds)
    if found.recipe is None and name != "auto":
        found.recipe = USUAL[by_name(name).gives]
    _scan(found, each, names)
    tally.begin_part(is_validation=each.is_validation, num_sources=len(each.sources))
    num_rows = 0
    for row in _until(rows, MAX_READ - found.num_rows, found):
        num_rows += 1
        tally.add(row)
        _take(found, row, names, reservoir, each.part.weight)
        if num_rows % SAID_ROWS == 0:
            say(f"Reading: {num_rows:,} rows of {each.part.path} so far.")
    found.parts.append(
        PartLook(
            path=each.part.path,
            format=name,
            num_rows=num_rows,
            weight=each.part.weight,
            is_validation=each.is_validation,
        )
    )


def _until(rows: Iterable[ReadRow | RowProblem], most: int, found: SampledRows) -> Iterator[ReadRow | RowProblem]:
    """At most so many rows; `found` is told when there are more."""
    for number, row in enumerate(rows):
        if number == most:
            found.is_complete = False
            return
        yield row


def _scan(found: SampledRows, each: OpenedPart, names: list[str]) -> None:
    """Marks and encodings, which no reader shows, in the bytes of the files."""
    for source, name in zip(each.sources, names, strict=True):
        if isinstance(source, FileSource):
            raw = scan(source.path)
            found.marked += [place(number, name) for number in raw.marked]
            found.broken |= {place(number, name): at for number, at in raw.broken.items()}


def place(number: int, name: str) -> Place:
    """What a row is called: by its number alone where there is only one file."""
    return f"{name}:{number}" if name else number


def _take(found: SampledRows, row: ReadRow | RowProblem, names: list[str], reservoir: Reservoir, weight: float) -> None:
    if isinstance(row, RowProblem):  # it names its source only where the part has several
        found.unusable[place(row.number, names[0] if len(names) == 1 else row.source)] = row.message
        return
    where = place(row.row.number, names[row.source])
    if isinstance(row.example, RowProblem):
        wrong = role_problem(row.row.fields)
        problems = found.unusable if wrong is None else found.disordered
        problems[where] = wrong or row.example.message
    else:
        reservoir.add(SampledRow(where, row), weight)


def text_findings(found: SampledRows, marks: Iterable[str] = ()) -> list[DataFinding]:
    """What is wrong with the files and their texts; `marks` are control tokens that no text should contain."""
    made = []
    if found.unreadable is not None:
        told = found.unreadable.explain()
        return [finding("dataset-unreadable", why=told.why, fix=told.fix)]
    marked = set(found.marked)
    unusable = {n: why for n, why in found.unusable.items() if n not in found.broken and n not in marked}
    if found.broken:
        named = ", ".join(f"line {n} at byte {at}" for n, at in list(found.broken.items())[:NUM_NAMED])
        made.append(finding("mixed-encodings", list(found.broken), why=named))
    if found.disordered:
        made.append(finding("role-order", list(found.disordered), why=_named(found.disordered)))
    if unusable:
        made.append(finding("rows-unusable", list(unusable), why=_named(unusable)))
    return [*made, *_sample_findings(found, list(marks)), *_remarks(found)]


def _named(problems: dict[Place, str]) -> str:
    return "; ".join(f"row {number}: {why}" for number, why in list(problems.items())[:NUM_NAMED])


def _remarks(found: SampledRows) -> Iterator[DataFinding]:
    for remark in () if found.counts is None else found.counts.remarks:
        if remark.kind in REMARKED:
            yield finding(REMARKED[remark.kind], which=str(remark))


def _sample_findings(found: SampledRows, marks: list[str]) -> list[DataFinding]:
    """Marks, garbled characters and control tokens inside the texts of the sample."""
    marked, wrong, control = list(found.marked), dict[Place, str](), dict[Place, list[str]]()
    for sampled in found.sample:
        number, said = sampled.place, list(texts(sampled.row.row.fields))
        if any(BYTE_ORDER_MARK in text for text in said):
            marked.append(number)
        if (bad := next(filter(None, map(garbled, said)), None)) is not None:
            wrong[number] = bad
        if inside := [mark for text in said for mark in marks_in(text, marks)]:
            control[number] = inside
    made = []
    if marked:
        made.append(finding("byte-order-mark", sorted(marked, key=_natural)))
    if wrong:
        made.append(finding("garbled-text", list(wrong), sample=repr(next(iter(wrong.values())))))
    if control:
        named = sorted({mark for inside in control.values() for mark in inside})
        made.append(finding("special-token-in-text", list(control), marks=", ".join(named[:NUM_NAMED])))
    return made


def _natural(where: Place) -> tuple[str, int]:
    """Rows of one file in their order."""
    name, _, number = str(where).rpartition(":")
    return name, int(number)
