"""What a row becomes: a conversation, a text, a preference, a rated answer or a prompt."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns of user and assistant in alternation, perhaps after a system prompt, ending with an answer."""

    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text that is learned whole."""

    text: str


@dataclass(frozen=True, slots=True)
class Preference:
    """A prompt, perhaps with earlier turns, and two answers of which people preferred one."""

    prompt: tuple[Turn, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True)
class Rated:
    """A prompt and one answer that people found good or bad."""

    prompt: tuple[Turn, ...]
    completion: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt without an answer to learn; `answer` is what a reward function may compare with."""

    turns: tuple[Turn, ...]
    answer: str | None = None


Example = Conversation | PlainText | Preference | Rated | Prompt


def conversation(turns: list[Turn]) -> Conversation | str:
    """A conversation in good order, or what is wrong with it."""
    num_system = int(bool(turns) and turns[0].role == "system")
    spoken = turns[num_system:]
    if not spoken:
        return "there are no turns"
    for index, turn in enumerate(spoken):
        expected = "assistant" if index % 2 else "user"
        number = index + 1 + num_system
        if turn.role != expected:
            return f"turn {number} is of the {turn.role}, expected one of the {expected}"
        if not turn.content.strip():
            return f"turn {number} of the {turn.role} is empty"
    if spoken[-1].role != "assistant":
        return "the last turn is not an answer of the assistant"
    return Conversation(tuple(turns))
