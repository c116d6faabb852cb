"""Alpaca: instruction, optional input, output."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Turn, conversation
from backend.data.formats.base import Format, find, missing, system_turn, text_of, usual_or_named
from backend.spec import Card, ExampleKind


class Alpaca(Format):
    """{"instruction": "...", "input": "...", "output": "..."}; a non-empty input follows a blank line."""

    card: ClassVar[Card] = Card(
        title="Alpaca",
        summary="Instruction, optional input, output.",
        use_when="You have instructions with answers.",
    )
    gives: ClassVar[ExampleKind] = ExampleKind.CONVERSATION
    parts: ClassVar[frozenset[str]] = frozenset({"prompt", "input", "completion", "system"})
    name: Literal["alpaca"] = "alpaca"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column instruction, or one mapped as extra input; and one with the answer."""
        prompts = usual_or_named(named.prompt, "instruction")
        is_alpaca = named.input is not None or named.prompt in (None, "instruction")
        answers = usual_or_named(named.completion, "output")
        return is_alpaca and find(columns, prompts) is not None and find(columns, answers) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """A conversation of one question."""
        prompts = usual_or_named(named.prompt, "instruction")
        answers = usual_or_named(named.completion, "output")
        instruction, answer = text_of(fields, prompts), text_of(fields, answers)
        if instruction is None or answer is None:
            return missing(prompts if instruction is None else answers)
        given = text_of(fields, usual_or_named(named.input, "input"))
        question = f"{instruction}\n\n{given}" if given and given.strip() else instruction
        return conversation([*system_turn(fields, named), Turn("user", question), Turn("assistant", answer)])
