"""DatasetMaker: new datasets made from others: a split into two sides, a copy without what spoils training.

Originals are never changed: what is made lies in the workspace, beside the uploads, with a note of its origin.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

import numpy as np

from backend.data.choice import DatasetPart
from backend.data.errors import DatasetEmpty, DatasetFormatUnknown
from backend.data.examples import Example
from backend.data.formats import Format, by_name, detect
from backend.data.packing import exact_hash, pack, text_hash
from backend.data.remarks import RemarkKind, noticed
from backend.data.row_table import KeptRow, RowTable, as_json
from backend.data.sides import held_out
from backend.domain.clock import Clock
from backend.services.dataset_errors import DatasetNotMade
from backend.services.dataset_library import DatasetLibrary, Origin, StoredDataset
from backend.services.dataset_tables import DatasetTables
from config.catalog import SAMPLE_PREFIX

PROGRESS_ROWS = 2_000
MAX_NAMES = 500
Progress = Callable[[int], None]
Place = tuple[int, int]  # source and number


class Removal(StrEnum):
    """Why a row is left out of a cleaned copy."""

    UNUSABLE = "cannot be read as an example"
    DUPLICATE = "equals an earlier row"
    EMPTY_ANSWER = "has an answer without a letter or digit"
    LEAK = "is in the validation dataset too"
    TOO_LONG = "is longer than the tokens that a row may have"


@dataclass(frozen=True, slots=True)
class Made:
    """What was written, how many rows it has, and why how many were left out."""

    dataset: StoredDataset
    num_rows: int
    removed: dict[str, int]


class DatasetMaker:
    """Reads tables, writes JSON lines: one object a row, with the columns of the original."""

    def __init__(self, tables: DatasetTables, library: DatasetLibrary, clock: Clock) -> None:
        self._tables = tables
        self._library = library
        self._clock = clock

    def split(self, part: DatasetPart, fraction: float, seed: int, progress: Progress = lambda _: None) -> list[Made]:
        """A training and a validation file: the same rows for the same seed, each row in one of them.

        Rows whose words are the same are on one side, however they are written. Rows that cannot be read as examples
        are in neither. Raises DatasetNotLoaded, DatasetNotMade, DataError, and as DatasetLibrary.keep.
        """
        table = self._tables.table(part)
        hashes = np.array([text_hash(example) for _, example in _usable(table, part, progress)], dtype=np.uint64)
        is_held = held_out(hashes, fraction, seed)
        if not is_held.any():
            reason = "Nothing would be held out: there is only one different row, or the share is 0"
            raise DatasetNotMade(name=_name(part, "validation"), reason=reason)
        removed = {Removal.UNUSABLE.value: len(table) - len(hashes)} if len(table) > len(hashes) else {}
        made = []
        for side, flags in (("train", ~is_held), ("validation", is_held)):
            pairs = zip(_usable(table, part, progress), flags, strict=True)
            lines = (as_json(row.fields) + b"\n" for (row, _), is_in in pairs if is_in)
            origin = self._origin(part, {"what": f"{side} side", "fraction": fraction, "seed": seed}, removed)
            made.append(Made(self._library.keep(_name(part, side), lines, origin), int(flags.sum()), removed))
        return made

    def clean(
        self,
        part: DatasetPart,
        removals: Collection[Removal],
        *,
        validation: DatasetPart | None = None,
        too_long: Collection[Place] = (),
        progress: Progress = lambda _: None,
    ) -> Made:
        """A copy without the rows that `removals` name; `too_long` are those of TOO_LONG.

        A row that could not even be read is in no copy. Raises as `split`.
        """
        table = self._tables.table(part)
        among = frozenset(self._hashes(validation)) if validation is not None else frozenset[int]()
        sieve = _Sieve(frozenset(removals), among, frozenset(too_long))
        counts: Counter[str] = Counter()

        def lines() -> Iterator[bytes]:
            for row, example in _examples(table, part, progress):
                why = sieve.why_not(row, example)
                if why is None:
                    yield as_json(row.fields) + b"\n"
                else:
                    counts[why.value] += 1

        chunks = lines()
        first = next(chunks, None)
        if first is None:
            raise DatasetNotMade(name=_name(part, "clean"), reason="No row would be left")
        stored = self._library.keep(
            _name(part, "clean"), chain([first], chunks), self._origin(part, {"what": "cleaned copy"}, counts)
        )
        return Made(stored, len(table) - counts.total(), dict(counts))

    def _hashes(self, part: DatasetPart) -> Iterator[int]:
        table = self._tables.read(part)
        return (exact_hash(pack(example)) for _, example in _usable(table, part, lambda _: None))

    def _origin(self, part: DatasetPart, what: Mapping[str, object], removed: Mapping[str, int]) -> Origin:
        """What the note of a new dataset says, once all of it was written."""
        fingerprint = self._tables.table(part).facts.fingerprint
        at = self._clock.now().isoformat(timespec="seconds")
        return lambda: {
            **what,
            "made_from": part.path,
            "fingerprint": fingerprint,
            "at": at,
            "removed": dict(removed),
        }


@dataclass(slots=True)
class _Sieve:
    """Says of one row after the other whether it is left out."""

    removals: frozenset[Removal]
    among: frozenset[int]
    too_long: frozenset[Place]
    seen: set[int] = field(default_factory=set)

    def why_not(self, row: KeptRow, example: Example | str) -> Removal | None:
        """The first reason, or None; rows that stay count as seen."""
        if isinstance(example, str):
            return Removal.UNUSABLE if row.problem or Removal.UNUSABLE in self.removals else None
        mark = exact_hash(pack(example))
        reasons = {
            Removal.DUPLICATE: mark in self.seen,
            Removal.EMPTY_ANSWER: RemarkKind.EMPTY_ANSWER in noticed(example),
            Removal.LEAK: mark in self.among,
            Removal.TOO_LONG: (row.source, row.number) in self.too_long,
        }
        why = next((reason for reason, is_so in reasons.items() if is_so and reason in self.removals), None)
        if why is None:
            self.seen.add(mark)
        return why


def format_of(part: DatasetPart, table: RowTable) -> Format:
    """The chosen format, or the one that the first readable row shows. Raises DatasetFormatUnknown, DatasetEmpty."""
    if part.format != "auto":
        return by_name(part.format)
    first = next((row for row in table if not row.problem), None)
    if first is None:
        raise DatasetEmpty(path=part.path, reason="no row of it can be read")
    found = detect(frozenset(first.fields), part.columns)
    if found is None:
        raise DatasetFormatUnknown(path=part.path, columns=", ".join(first.fields)[:MAX_NAMES])
    return found


def _examples(table: RowTable, part: DatasetPart, progress: Progress) -> Iterator[tuple[KeptRow, Example | str]]:
    """Every row with its example, or what is wrong with it."""
    chosen = format_of(part, table)
    for row in table:
        yield row, row.problem or chosen.read(row.fields, part.columns)
        if row.position % PROGRESS_ROWS == 0:
            progress(row.position)


def _usable(table: RowTable, part: DatasetPart, progress: Progress) -> Iterator[tuple[KeptRow, Example]]:
    return ((row, example) for row, example in _examples(table, part, progress) if not isinstance(example, str))


def _name(part: DatasetPart, what: str) -> str:
    """Of a file that is made from a dataset."""
    last = part.path.removeprefix(SAMPLE_PREFIX).rstrip("/").rpartition("/")[2]
    stem = last.partition(".")[0] or "dataset"
    return f"{stem}-{what}.jsonl"
