"""What all formats share: a card, whether columns fit, and reading one row."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from backend.data.choice import Columns
from backend.data.examples import Example
from backend.spec import Card, Spec


class Format(Spec):
    """How a row becomes an example."""

    card: ClassVar[Card]

    @abstractmethod
    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """Whether rows with these columns, or the mapping, speak for this format."""

    @abstractmethod
    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The example of a row, or what is wrong with the row."""


def text_of(fields: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    """The first of these columns that a row has, as text; None if it has none or no text there."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None


def either(named: str | None, usual: tuple[str, ...]) -> tuple[str, ...]:
    """The column that a person named, else the usual ones."""
    return (named,) if named else usual
