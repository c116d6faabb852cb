"""Reading a list of turns, however its keys are called."""

from collections.abc import Mapping

from backend.data.examples import ROLES, Conversation, Turn, conversation

ROLE_KEYS = ("role", "from")
TEXT_KEYS = ("content", "value")


def read_conversation(value: object, system: list[Turn]) -> Conversation | str:
    """The conversation of a list of mappings, or what is wrong with it; its own system prompt comes first."""
    turns = read_turns(value)
    if isinstance(turns, str):
        return turns
    has_own = bool(turns) and turns[0].role == "system"
    return conversation(turns if has_own else [*system, *turns])


def read_turns(value: object) -> list[Turn] | str:
    """The turns of a list of mappings in any order of roles, or what is wrong with it."""
    if not isinstance(value, list):
        return "there is no list of turns"
    turns = []
    for number, item in enumerate(value, 1):
        turn = _turn(item)
        if isinstance(turn, str):
            return f"turn {number} {turn}"
        turns.append(turn)
    return turns


def _turn(item: object) -> Turn | str:
    if not isinstance(item, Mapping):
        return "is no object"
    said_by = next((str(item[key]) for key in ROLE_KEYS if item.get(key) is not None), None)
    if said_by is None:
        return "has no role"
    role = ROLES.get(said_by.lower())
    if role is None:
        return f"has the unknown role {said_by[:40]!r}"
    content = _text(next((item[key] for key in TEXT_KEYS if item.get(key) is not None), None))
    return "has no text" if content is None else Turn(role, content)


def _text(content: object) -> str | None:
    """Text as it is, or the joined parts of `[{"type": "text", "text": "..."}]`; None if any part is no text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        return None
    parts = [part.get("text") for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
    texts = [part for part in parts if isinstance(part, str)]
    return "".join(texts) if len(texts) == len(content) else None
