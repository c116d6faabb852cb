"""Messages: a list of turns with role and content, as chat services take it."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example
from backend.data.formats.base import Format, find, system_turn, usual_or_named
from backend.data.formats.turns import read_conversation
from backend.spec import Card, ExampleKind


class Messages(Format):
    """{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}."""

    card: ClassVar[Card] = Card(
        title="Messages", summary="A list of turns with role and content.", use_when="You have conversations."
    )
    gives: ClassVar[ExampleKind] = ExampleKind.CONVERSATION
    parts: ClassVar[frozenset[str]] = frozenset({"messages", "system"})
    name: Literal["messages"] = "messages"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column of that name, or a mapped one."""
        return find(columns, usual_or_named(named.messages, "messages")) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The conversation."""
        column = find(fields, usual_or_named(named.messages, "messages"))
        return read_conversation(None if column is None else fields[column], system_turn(fields, named))
