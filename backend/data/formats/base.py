"""What all formats share: a card, whether columns fit, and reading one row."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar

from backend.data.choice import Columns
from backend.data.examples import Example, Turn
from backend.spec import Card, ExampleKind, Spec


class Format(Spec):
    """How a row becomes an example. `parts` are the fields of Columns that it makes use of; it `gives` one kind."""

    card: ClassVar[Card]
    gives: ClassVar[ExampleKind]
    parts: ClassVar[frozenset[str]]

    @abstractmethod
    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """Whether rows with these columns can be read in this format."""

    @abstractmethod
    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The example of a row, or what is wrong with the row."""


def usual_or_named(named: str | None, *usual: str) -> tuple[str, ...]:
    """The column that a person named, else the usual ones."""
    return (named,) if named else usual


def find(columns: Iterable[str], names: tuple[str, ...]) -> str | None:
    """The first of the names that is a column, as the column is written; capitals make no difference."""
    written = {str(column).casefold(): column for column in columns}
    return next((written[name.casefold()] for name in names if name.casefold() in written), None)


def text_of(fields: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """The text in the first of these columns that a row has; None if there is none.

    Numbers are taken as they are written; NaN, which pandas writes for a missing text, is no text.
    """
    column = find(fields, names)
    value = None if column is None else fields[column]
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value) if math.isfinite(value) else None


def system_turn(fields: Mapping[str, object], named: Columns) -> list[Turn]:
    """The system prompt in a column of its own, if there is one."""
    system = text_of(fields, usual_or_named(named.system, "system"))
    return [Turn("system", system)] if system and system.strip() else []


def missing(names: tuple[str, ...]) -> str:
    """What is said of a row without the text that is looked for."""
    return f"there is no text in {' or '.join(map(repr, names))}"
