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
    """What is wrong with the row at `number` of `source`, which is empty where there is only one file."""

    number: int
    message: str
    source: str = ""

    def __str__(self) -> str:
        """All in one line."""
        return f"{row_name(self.number, self.source)}: {self.message}"


def row_name(number: int, source: str = "") -> str:
    """How people call a row."""
    return f"row {number} of {source}" if source else f"row {number}"
