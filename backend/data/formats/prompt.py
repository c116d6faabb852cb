"""Prompt: questions without an answer to learn, perhaps with one to compare with."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Prompt, Turn
from backend.data.formats.base import Format, find, missing, system_turn, text_of, usual_or_named
from backend.data.formats.turns import read_turns
from backend.spec import Card, ExampleKind

ANSWERS = ("answer", "solution", "reference", "target")


class Prompts(Format):
    """{"prompt": "...", "answer": "..."}; the prompt may be a list of turns that ends with the user's."""

    card: ClassVar[Card] = Card(
        title="Prompts",
        summary="Questions without an answer to learn; an answer column is what rewards compare with.",
        use_when="The model is to write answers itself, which rewards then score (GRPO).",
    )
    gives: ClassVar[ExampleKind] = ExampleKind.PROMPT
    parts: ClassVar[frozenset[str]] = frozenset({"prompt", "messages", "system", "answer"})
    name: Literal["prompt"] = "prompt"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column prompt or question, or a mapped one."""
        return find(columns, _columns(named)) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The prompt, with the answer if there is one."""
        names = _columns(named)
        column = find(fields, names)
        turns = missing(names) if column is None else asking(fields[column])
        if isinstance(turns, str):
            return turns
        whole = turns if turns[0].role == "system" else [*system_turn(fields, named), *turns]
        return Prompt(tuple(whole), text_of(fields, usual_or_named(named.answer, *ANSWERS)))


def _columns(named: Columns) -> tuple[str, ...]:
    chosen = named.prompt or named.messages
    return (chosen,) if chosen else ("prompt", "question", "messages")


def asking(value: object) -> list[Turn] | str:
    """The turns of a prompt, a text or a list that ends with the user's, or what is wrong with it."""
    turns: list[Turn] | str = [Turn("user", value)] if isinstance(value, str) else read_turns(value)
    if isinstance(turns, str):
        return turns
    spoken = turns[1:] if turns and turns[0].role == "system" else turns
    if not spoken or spoken[-1].role != "user":
        return "the prompt does not end with a turn of the user"
    for number, turn in enumerate(spoken, 1):
        if turn.role != ("user" if number % 2 else "assistant"):
            return f"turn {number} of the prompt is of the {turn.role}: user and assistant must take turns"
        if not turn.content.strip():
            return "the prompt is empty" if len(spoken) == 1 else f"turn {number} of the prompt is empty"
    return turns
