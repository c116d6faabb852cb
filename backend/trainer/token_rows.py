"""Encoded rows in a memory-mapped Arrow file: written once, read as often as wanted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
import pyarrow as pa

from backend.trainer.collation import IGNORED, Encoded

FILE = "tokens.arrow"
BATCH_ROWS = 1_024
TYPES = {"input_ids": pa.large_list(pa.int32()), "learned": pa.large_list(pa.bool_())}


class TokenRows(Sequence[Encoded]):
    """Rows of an Arrow table with the columns of TYPES; each row is copied out when it is asked for."""

    def __init__(self, table: pa.Table, rows: "np.ndarray[Any, np.dtype[np.int64]] | None" = None) -> None:
        self._table = table
        counts = [_counts(chunk) for chunk in table.column("input_ids").chunks]
        lengths = np.concatenate(counts) if counts else np.zeros(0, dtype=np.int64)
        self._rows = np.arange(len(lengths)) if rows is None else rows
        self.lengths = lengths[self._rows]
        """Tokens of each row: int64, shape (rows,)."""

    @property
    def num_tokens(self) -> int:
        """Of all rows together."""
        return int(self.lengths.sum())

    @overload
    def __getitem__(self, index: int) -> Encoded: ...

    @overload
    def __getitem__(self, index: slice) -> "TokenRows": ...

    def __getitem__(self, index: int | slice) -> "Encoded | TokenRows":
        """A row as int64 arrays, or some of the rows, which are not read yet."""
        if isinstance(index, slice):
            return TokenRows(self._table, self._rows[index])
        row = int(self._rows[index])
        ids = self._table.column("input_ids")[row].values.to_numpy().astype(np.int64)
        learned = self._table.column("learned")[row].values.to_numpy(zero_copy_only=False)
        return {"input_ids": ids, "labels": np.where(learned, ids, IGNORED)}

    def __len__(self) -> int:
        return len(self._rows)


class TokenFile:
    """Writes rows; to be used as a context."""

    def __init__(self, folder: Path) -> None:
        self._sink = pa.OSFile(str(folder / FILE), "wb")
        self._writer = pa.ipc.new_file(self._sink, pa.schema(TYPES))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        self._sink.close()

    def write(self, rows: Sequence[Encoded]) -> None:
        """Add rows."""
        ends = np.cumsum([0, *(len(row["input_ids"]) for row in rows)])
        ids = np.concatenate([np.asarray(row["input_ids"], dtype=np.int32) for row in rows])
        labels = np.concatenate([np.asarray(row["labels"], dtype=np.int32) for row in rows])
        columns = [
            pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), pa.array(values))
            for values in (ids, labels != IGNORED)
        ]
        self._writer.write_batch(pa.record_batch(columns, names=list(TYPES)))


def open_tokens(folder: Path) -> TokenRows:
    """The rows that a TokenFile wrote to the folder, which may be deleted from then on."""
    return TokenRows(pa.ipc.open_file(pa.memory_map(str(folder / FILE))).read_all())


def _counts(chunk: pa.LargeListArray) -> "np.ndarray[Any, np.dtype[np.int64]]":
    counts: np.ndarray[Any, np.dtype[np.int64]] = np.diff(chunk.offsets.to_numpy())
    return counts
