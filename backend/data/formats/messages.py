"""Messages: a list of turns with role and content, as chat services take it."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import ROLES, Example, Turn, conversation
from backend.data.formats.base import Format
from backend.spec import Card


def read_turns(value: object, role_key: str, content_key: str) -> list[Turn] | str:
    """Turns of a list of mappings, or what is wrong with it."""
    if not isinstance(value, list):
        return "there is no list of turns"
    turns = []
    for i, item in enumerate(value, 1):
        if not isinstance(item, Mapping):
            return f"turn {i} is no object"
        role = ROLES.get(str(item.get(role_key)).lower())
        content = item.get(content_key)
        if role is None:
            return f"turn {i} has the unknown role {str(item.get(role_key))[:40]!r}"
        if not isinstance(content, str):
            return f"turn {i} has no text in {content_key!r}"
        turns.append(Turn(role, content))
    return turns


class Messages(Format):
    """{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}."""

    card: ClassVar[Card] = Card(
        title="Messages", summary="A list of turns with role and content.", use_when="You have conversations."
    )
    name: Literal["messages"] = "messages"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column of that name, or a mapped one."""
        return (named.messages or "messages") in columns

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The conversation."""
        turns = read_turns(fields.get(named.messages or "messages"), "role", "content")
        return turns if isinstance(turns, str) else conversation(turns)
