"""A part of a dataset, read once and kept as a memory-mapped Arrow file."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.data.cache import About, kept, key_of
from backend.data.choice import DatasetPart
from backend.data.errors import DatasetBroken
from backend.data.examples import Example
from backend.data.packing import exact_hash, pack, unpack
from backend.data.reading import Kinds, ReadRow, read_sources
from backend.data.rows import RowProblem
from backend.data.sides import Hashes
from backend.data.sources import Source, sources

VERSION = 1  # to be raised with every change of what readers or formats make of the same bytes
MAX_NAMED = 10
PROGRESS_ROWS = 1_000
_FILE = "rows.arrow"
_BATCH_ROWS = 4_096
_BATCH_BYTES = 8_000_000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows of one part: `table` has the columns example, hash, source and number; `sources` are their names."""

    table: Any
    key: str
    fingerprint: str
    format: str
    sources: tuple[str, ...]

    @property
    def num_rows(self) -> int:
        """All of them."""
        return int(self.table.num_rows)

    def hashes(self) -> Hashes:
        """One of each row; equal examples have equal ones."""
        found: Hashes = self.table.column("hash").to_numpy()
        return found

    def example(self, row: int) -> Example:
        """The example of a row, counted from 0."""
        return unpack(self.table.column("example")[row].as_py())

    def place(self, row: int) -> tuple[str, int]:
        """The source of a row, and its number there."""
        return self.sources[self.table.column("source")[row].as_py()], self.table.column("number")[row].as_py()


def prepare(
    part: DatasetPart, base: Path, kinds: Kinds | None, cache: Path | None, progress: Progress = lambda _: None
) -> Prepared:
    """Read a part, or find it in the cache's folder; `progress` gets the number of rows read so far.

    Raises DataError if any row cannot be used, and what `progress` raises; nothing half-written stays.
    """
    found = sources(part, base, may_fetch=True, check=lambda: progress(0))
    marks = [source.fingerprint() for source in found]
    fingerprint = part_fingerprint(marks)
    wanted = sorted(kinds) if kinds is not None else None
    key = key_of(VERSION, marks, part.format, part.columns.model_dump(), wanted)

    def fill(folder: Path) -> dict[str, Any]:
        return {"format": _write(folder / _FILE, found, part, kinds, progress)}

    def take(folder: Path, about: About) -> Prepared:
        names = tuple(source.name for source in found)  # of today: equal bytes may have another name
        return Prepared(_mapped(folder / _FILE), key, fingerprint, str(about["format"]), names)

    return kept(cache / "datasets" if cache else None, key, fill, take)


def part_fingerprint(marks: list[str]) -> str:
    """The one of its only source, else one of all."""
    return marks[0] if len(marks) == 1 else key_of(marks)


def _mapped(path: Path) -> Any:  # noqa: ANN401 - a pyarrow.Table
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need

    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _write(path: Path, found: tuple[Source, ...], part: DatasetPart, kinds: Kinds | None, progress: Progress) -> str:
    """Write the rows and say their format. Raises DatasetBroken, which names the first problems, at the end."""
    import pyarrow as pa  # noqa: PLC0415

    name, rows = read_sources(found, part, kinds)
    problems: list[RowProblem] = []
    num_problems = num_rows = 0
    types = {"example": pa.large_binary(), "hash": pa.uint64(), "source": pa.int32(), "number": pa.int64()}
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema(types)) as writer:
        batch = _Batch()
        for num_rows, row in enumerate(rows, 1):
            problem = row if isinstance(row, RowProblem) else row.example
            if isinstance(problem, RowProblem):
                num_problems += 1
                problems += [problem] * (len(problems) < MAX_NAMED)
            elif not num_problems:
                batch.add(row)  # type: ignore[arg-type] # a RowProblem went the other way
                if batch.is_full:
                    writer.write_batch(batch.take())
            if num_rows % PROGRESS_ROWS == 0:
                progress(num_rows)
        writer.write_batch(batch.take())
    if num_problems:
        more = "; ..." if num_problems > MAX_NAMED else ""
        named = "; ".join(map(str, problems)) + more
        raise DatasetBroken(path=part.path, count=num_problems, total=num_rows, rows=named)
    return name


class _Batch:
    """Rows on their way to the file."""

    def __init__(self) -> None:
        self._examples: list[bytes] = []
        self._hashes = array("Q")
        self._sources = array("i")
        self._numbers = array("q")
        self._num_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return len(self._examples) >= _BATCH_ROWS or self._num_bytes >= _BATCH_BYTES

    def add(self, row: ReadRow) -> None:
        """One that can be used."""
        assert not isinstance(row.example, RowProblem)
        packed = pack(row.example)
        self._examples.append(packed)
        self._hashes.append(exact_hash(packed))
        self._sources.append(row.source)
        self._numbers.append(row.row.number)
        self._num_bytes += len(packed) + 20

    def take(self) -> Any:  # noqa: ANN401 - a pyarrow.RecordBatch
        """What was added, as columns; then it is empty."""
        import pyarrow as pa  # noqa: PLC0415

        columns = {
            "example": pa.array(self._examples, pa.large_binary()),
            "hash": np.array(self._hashes, dtype=np.uint64),
            "source": np.array(self._sources, dtype=np.int32),
            "number": np.array(self._numbers, dtype=np.int64),
        }
        self.__init__()  # type: ignore[misc] # nothing is kept
        return pa.record_batch(columns)
