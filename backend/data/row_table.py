"""The raw rows of a dataset, kept compressed in one file so that any of them is there at once."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from backend.data.rows import Row

VERSION = 1  # to be raised with every change of what is written
ROWS, ABOUT = "rows.arrow", "about.json"


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What is known of all rows: how many, how many could not be read, the columns, and a digest of the bytes.

    `starts` are the positions of the first rows of all portions, `firsts` their (source, number).
    """

    num_rows: int
    num_problems: int
    size_bytes: int
    fingerprint: str
    sources: tuple[str, ...]
    columns: tuple[str, ...]
    starts: tuple[int, ...]
    firsts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A row at its position, from 0. A row that could not be read has a `problem` and no fields.

    `number` is what people call it: the line in text files, the row elsewhere; `source` counts the files from 0.
    """

    position: int
    source: int
    number: int
    fields: Mapping[str, object]
    problem: str = ""

    @property
    def row(self) -> Row:
        """As a reader gives it."""
        return Row(self.number, self.fields)


class RowTable:
    """Rows on disk, mapped; safe from any thread. It lives on when its files are deleted."""

    def __init__(self, folder: Path) -> None:
        """Open what `keep_rows` wrote. Raises OSError, ValueError, KeyError or TypeError for what is not whole."""
        import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need

        self.facts = _facts(json.loads((folder / ABOUT).read_text(encoding="utf-8")))
        self._reader = pa.ipc.open_file(pa.memory_map(str(folder / ROWS)))
        self._lock = Lock()
        if self._reader.num_record_batches != len(self.facts.starts):
            raise ValueError("the rows and what is said of them are not of one piece")

    def __len__(self) -> int:
        return self.facts.num_rows

    def rows(self, start: int, count: int) -> list[KeptRow]:
        """At most `count` rows from a position on, which may lie behind the end; only their portions are read."""
        found: list[KeptRow] = []
        for portion in range(self._portion_of(max(0, start)), len(self.facts.starts)):
            first = self.facts.starts[portion]
            if first >= start + count:
                break
            batch = self.portion(portion)
            low, high = max(0, start - first), min(batch.num_rows, start + count - first)
            found += rows_of(batch.slice(low, max(0, high - low)), first + low)
        return found

    def position(self, number: int, source: int = 0) -> int | None:
        """Where the row of this name is, None if there is none."""
        portion = max(0, bisect_right(self.facts.firsts, (source, number)) - 1)
        if not self.facts.starts:
            return None
        batch = self.portion(portion)
        pairs = zip(batch.column("source").to_pylist(), batch.column("number").to_pylist(), strict=True)
        index = next((index for index, pair in enumerate(pairs) if pair == (source, number)), None)
        return None if index is None else self.facts.starts[portion] + index

    def portion(self, number: int) -> Any:  # noqa: ANN401 - a pyarrow.RecordBatch
        """Some rows that lie together: columns row (JSON), problem, source, number."""
        with self._lock:
            return self._reader.get_batch(number)

    def __iter__(self) -> Iterator[KeptRow]:
        for portion, first in enumerate(self.facts.starts):
            yield from rows_of(self.portion(portion), first)

    def _portion_of(self, position: int) -> int:
        return max(0, bisect_right(self.facts.starts, position) - 1)


def rows_of(batch: Any, first: int) -> list[KeptRow]:  # noqa: ANN401 - a pyarrow.RecordBatch
    """The rows of a portion or a part of one, whose first is at the position `first`."""
    columns = batch.to_pydict()
    return [
        KeptRow(first + index, source, number, json.loads(text) if text else {}, problem)
        for index, (text, problem, source, number) in enumerate(
            zip(columns["row"], columns["problem"], columns["source"], columns["number"], strict=True)
        )
    ]


def opened(folder: Path) -> RowTable | None:
    """The table in a folder, None if there is no whole one."""
    import pyarrow as pa  # noqa: PLC0415

    try:
        return RowTable(folder)
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def as_json(fields: Mapping[str, object]) -> bytes:
    """A row as text that is searched in; what JSON does not know (bytes, dates) as Python writes it."""
    return json.dumps(fields, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")


def told(facts: TableFacts) -> str:
    """The facts as the JSON that `RowTable` reads."""
    named = {name: getattr(facts, name) for name in TableFacts.__dataclass_fields__}
    return json.dumps({"version": VERSION, **named})


def _facts(document: Mapping[str, Any]) -> TableFacts:
    if document["version"] != VERSION:
        raise ValueError("another version wrote it")
    return TableFacts(
        num_rows=int(document["num_rows"]),
        num_problems=int(document["num_problems"]),
        size_bytes=int(document["size_bytes"]),
        fingerprint=str(document["fingerprint"]),
        sources=tuple(document["sources"]),
        columns=tuple(document["columns"]),
        starts=tuple(document["starts"]),
        firsts=tuple((int(source), int(number)) for source, number in document["firsts"]),
    )
