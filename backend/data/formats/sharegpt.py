"""ShareGPT: a list of turns with from and value."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example
from backend.data.formats.base import Format, find, system_turn, usual_or_named
from backend.data.formats.turns import read_conversation
from backend.spec import Card, ExampleKind


class ShareGpt(Format):
    """{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}."""

    card: ClassVar[Card] = Card(
        title="ShareGPT", summary="A list of turns with from and value.", use_when="You have exported chats."
    )
    gives: ClassVar[ExampleKind] = ExampleKind.CONVERSATION
    parts: ClassVar[frozenset[str]] = frozenset({"messages", "system"})
    name: Literal["sharegpt"] = "sharegpt"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column conversations, or a mapped one."""
        return find(columns, usual_or_named(named.messages, "conversations", "conversation")) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The conversation, with the system prompt of a column beside it if there is one."""
        column = find(fields, usual_or_named(named.messages, "conversations", "conversation"))
        return read_conversation(None if column is None else fields[column], system_turn(fields, named))
