"""A format: riddles with their solutions."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Turn, conversation
from backend.data.formats.base import Format, find, missing, text_of
from backend.spec import Card, ExampleKind


class Riddle(Format):
    """{"riddle": "...", "solution": "..."}."""

    card: ClassVar[Card] = Card(
        title="Riddles", summary="A riddle and its solution in two columns.", use_when="You have riddles."
    )
    gives: ClassVar[ExampleKind] = ExampleKind.CONVERSATION
    parts: ClassVar[frozenset[str]] = frozenset()
    name: Literal["riddle"] = "riddle"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:  # noqa: ARG002 - no column can be named
        """Both columns are there."""
        return find(columns, ("riddle",)) is not None and find(columns, ("solution",)) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:  # noqa: ARG002
        """A conversation of one question."""
        riddle, solution = text_of(fields, ("riddle",)), text_of(fields, ("solution",))
        if riddle is None or solution is None:
            return missing(("riddle",) if riddle is None else ("solution",))
        return conversation([Turn("user", f"Solve: {riddle}"), Turn("assistant", solution)])
