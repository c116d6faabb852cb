"""ShareGPT: a list of turns with from and value."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Turn, conversation
from backend.data.formats.base import Format, text_of
from backend.data.formats.messages import read_turns
from backend.spec import Card


class ShareGpt(Format):
    """{"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}."""

    card: ClassVar[Card] = Card(
        title="ShareGPT", summary="A list of turns with from and value.", use_when="You have exported chats."
    )
    name: Literal["sharegpt"] = "sharegpt"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column conversations."""
        return "conversations" in columns and named.messages in (None, "conversations")

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The conversation, with the system prompt of a column beside it if there is one."""
        turns = read_turns(fields.get(named.messages or "conversations"), "from", "value")
        if isinstance(turns, str):
            return turns
        system = text_of(fields, (named.system or "system",))
        if system and turns and turns[0].role != "system":
            turns = [Turn("system", system), *turns]
        return conversation(turns)
