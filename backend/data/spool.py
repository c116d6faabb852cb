"""A few numbers of each row, kept on disk while rows pass, and given back as arrays."""

import tempfile
from array import array
from typing import Any

import numpy as np

_PORTION_ROWS = 1 << 14


class Spool:
    """Columns of 64-bit integers without a sign, in a temporary file: memory does not grow with the rows."""

    def __init__(self, num_columns: int) -> None:
        self._num_columns = num_columns
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        self._buffer = array("Q")
        self._num_rows = 0

    def __len__(self) -> int:
        return self._num_rows

    def add(self, *values: int) -> None:
        """One row."""
        self._buffer.extend(values)
        self._num_rows += 1
        if len(self._buffer) >= _PORTION_ROWS * self._num_columns:
            self._flush()

    def column(self, index: int) -> "np.ndarray[Any, np.dtype[np.uint64]]":
        """All values of a column, shape (rows,): 8 bytes each."""
        self._flush()
        found = np.empty(self._num_rows, dtype=np.uint64)
        self._file.seek(0)
        at = 0
        while data := self._file.read(_PORTION_ROWS * self._num_columns * 8):
            values = np.frombuffer(data, dtype=np.uint64).reshape(-1, self._num_columns)[:, index]
            found[at : at + len(values)] = values
            at += len(values)
        return found

    def row(self, number: int) -> tuple[int, ...]:
        """The values of the row added as number `number`, from 0."""
        self._flush()
        self._file.seek(number * self._num_columns * 8)
        data = self._file.read(self._num_columns * 8)
        return tuple(int(value) for value in np.frombuffer(data, dtype=np.uint64))

    def _flush(self) -> None:
        self._file.seek(0, 2)
        self._file.write(self._buffer.tobytes())
        self._buffer = array("Q")
