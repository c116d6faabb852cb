"""Preference: a prompt with a chosen and a rejected answer."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Preference, Turn
from backend.data.formats.base import Format, find, missing, system_turn, text_of, usual_or_named
from backend.data.formats.prompt import asking
from backend.data.formats.turns import read_turns
from backend.spec import Card, ExampleKind


class PreferencePairs(Format):
    """{"prompt": "...", "chosen": "...", "rejected": "..."}.

    Each of the three may be a list of turns instead of a text. Without a prompt, chosen and rejected hold whole
    conversations; the prompt is what they share, and the answers are their last turns.
    """

    card: ClassVar[Card] = Card(
        title="Preference pairs",
        summary="A prompt, the answer that people preferred, and one that they did not.",
        use_when="You have pairs of answers to compare (DPO, ORPO, KTO, reward models).",
    )
    gives: ClassVar[ExampleKind] = ExampleKind.PREFERENCE
    parts: ClassVar[frozenset[str]] = frozenset({"prompt", "system", "chosen", "rejected"})
    name: Literal["preference"] = "preference"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """Columns chosen and rejected, or mapped ones."""
        return all(find(columns, names) is not None for names in (_chosen(named), _rejected(named)))

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The pair, or what is wrong with it."""
        chosen, rejected = (_answer(fields, names) for names in (_chosen(named), _rejected(named)))
        if isinstance(chosen, str):
            return chosen
        if isinstance(rejected, str):
            return rejected
        column = find(fields, usual_or_named(named.prompt, "prompt"))
        prompt = _shared(chosen, rejected) if column is None else asking(fields[column])
        if isinstance(prompt, str):
            return prompt
        if column is not None and (len(chosen) > 1 or len(rejected) > 1):
            if chosen[: len(prompt)] != prompt or rejected[: len(prompt)] != prompt:
                return "chosen and rejected are more than one answer to the prompt"
            chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]
        has_own = prompt[0].role == "system"
        return _pair(prompt if has_own else [*system_turn(fields, named), *prompt], chosen, rejected)


def _pair(prompt: list[Turn], chosen: list[Turn], rejected: list[Turn]) -> Preference | str:
    for name, turns in (("chosen", chosen), ("rejected", rejected)):
        if len(turns) != 1 or turns[0].role != "assistant":
            return f"{name} is not one answer of the assistant"
        if not turns[0].content.strip():
            return f"{name} is empty"
    if chosen == rejected:
        return "chosen and rejected are the same"
    return Preference(tuple(prompt), chosen[0].content, rejected[0].content)


def _chosen(named: Columns) -> tuple[str, ...]:
    return usual_or_named(named.chosen, "chosen")


def _rejected(named: Columns) -> tuple[str, ...]:
    return usual_or_named(named.rejected, "rejected")


def _answer(fields: Mapping[str, object], names: tuple[str, ...]) -> list[Turn] | str:
    """The turns of a column; a text is one answer."""
    column = find(fields, names)
    if column is not None and isinstance(fields[column], list):
        return read_turns(fields[column])
    text = text_of(fields, names)
    return missing(names) if text is None else [Turn("assistant", text)]


def _shared(chosen: list[Turn], rejected: list[Turn]) -> list[Turn] | str:
    """The turns before the answer, if both have the same and there are some."""
    if len(chosen) < 2 or chosen[:-1] != rejected[:-1]:  # noqa: PLR2004 - a question and an answer
        return "there is no prompt, and chosen and rejected do not begin with the same one"
    prompt = asking([{"role": turn.role, "content": turn.content} for turn in chosen[:-1]])
    if isinstance(prompt, str):
        return prompt
    del chosen[:-1], rejected[:-1]
    return prompt
