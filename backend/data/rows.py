"""One row of a file, or why it cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """`number` is the line in text files and the row elsewhere, both from 1."""

    number: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong with the row at `number`."""

    number: int
    message: str

    def __str__(self) -> str:
        """Both in one line."""
        return f"row {self.number}: {self.message}"
