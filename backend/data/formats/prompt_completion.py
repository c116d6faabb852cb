"""Prompt and completion: two columns."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Turn, conversation
from backend.data.formats.base import Format, either, text_of
from backend.spec import Card

PROMPTS = ("prompt", "question", "query", "input")
COMPLETIONS = ("completion", "response", "answer", "output", "reply")


class PromptCompletion(Format):
    """{"prompt": "...", "completion": "..."}; question/answer and the like are recognised."""

    card: ClassVar[Card] = Card(
        title="Prompt and completion",
        summary="A question and its answer in two columns.",
        use_when="You have questions with answers.",
        recommended=True,
    )
    name: Literal["prompt_completion"] = "prompt_completion"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """One column of each kind, or mapped ones."""
        has_prompt = not columns.isdisjoint(either(named.prompt, PROMPTS))
        has_completion = not columns.isdisjoint(either(named.completion, COMPLETIONS))
        return has_prompt and has_completion and not named.messages

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """A conversation of one question."""
        prompts, completions = either(named.prompt, PROMPTS), either(named.completion, COMPLETIONS)
        question, answer = text_of(fields, prompts), text_of(fields, completions)
        if question is None or answer is None:
            return f"there is no text in {' or '.join(map(repr, prompts if question is None else completions))}"
        system = text_of(fields, (named.system or "system",))
        turns = [Turn("system", system)] if system and system.strip() else []
        return conversation([*turns, Turn("user", question), Turn("assistant", answer)])
