"""Examples that are read from their memory-mapped file when they are asked for."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np

from backend.data.cache import key_of
from backend.data.examples import Example
from backend.data.prepared import Prepared
from backend.data.rows import row_name
from backend.data.sides import Indices


class Examples(Sequence[Example]):
    """Rows of prepared parts, chosen and ordered by `rows`, which count through all parts from 0.

    `cache` is the folder where things computed from them may be kept, if there is one.
    """

    def __init__(self, parts: Sequence[Prepared], rows: Indices, cache: Path | None = None) -> None:
        self._parts = tuple(parts)
        self._rows = rows
        self._ends = np.cumsum([part.num_rows for part in self._parts])
        self.cache = cache

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits that differ where any example or the order differs."""
        order = hashlib.sha256(np.ascontiguousarray(self._rows).tobytes()).hexdigest()
        return key_of([part.key for part in self._parts], order)

    def where(self, index: int) -> str:
        """What people call the row that an example comes from: its line in its file."""
        part, row = self._locate(index)
        source, number = self._parts[part].place(row)
        is_only = len(self._parts) == 1 and len(self._parts[0].sources) == 1
        return row_name(number, "" if is_only else source)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> "Examples": ...

    def __getitem__(self, index: int | slice) -> "Example | Examples":
        """An example, or some of them, which are not read yet."""
        if isinstance(index, slice):
            return Examples(self._parts, self._rows[index], self.cache)
        part, row = self._locate(index)
        return self._parts[part].example(row)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """As a tuple of the same examples."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # as of other sequences that are read when asked

    def _locate(self, index: int) -> tuple[int, int]:
        row = int(self._rows[index])
        part = int(np.searchsorted(self._ends, row, side="right"))
        return part, row - (int(self._ends[part - 1]) if part else 0)
