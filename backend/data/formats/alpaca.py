"""Alpaca: instruction, optional input, output."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Turn, conversation
from backend.data.formats.base import Format, text_of
from backend.spec import Card


class Alpaca(Format):
    """{"instruction": "...", "input": "...", "output": "..."}; a non-empty input follows a blank line."""

    card: ClassVar[Card] = Card(
        title="Alpaca",
        summary="Instruction, optional input, output.",
        use_when="You have instructions with answers.",
    )
    name: Literal["alpaca"] = "alpaca"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """Columns instruction and output."""
        return {named.prompt or "instruction", named.completion or "output"} <= columns and not named.messages

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """A conversation of one question."""
        instruction = text_of(fields, (named.prompt or "instruction",))
        answer = text_of(fields, (named.completion or "output",))
        if instruction is None or answer is None:
            missing = (named.prompt or "instruction") if instruction is None else (named.completion or "output")
            return f"there is no text in {missing!r}"
        given = text_of(fields, (named.input or "input",))
        system = text_of(fields, (named.system or "system",))
        question = f"{instruction}\n\n{given}" if given and given.strip() else instruction
        turns = [Turn("system", system)] if system and system.strip() else []
        return conversation([*turns, Turn("user", question), Turn("assistant", answer)])
