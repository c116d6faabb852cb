"""Prompt and completion: two columns."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Turn, conversation
from backend.data.formats.base import Format, find, missing, system_turn, text_of, usual_or_named
from backend.spec import Card, ExampleKind

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
    gives: ClassVar[ExampleKind] = ExampleKind.CONVERSATION
    parts: ClassVar[frozenset[str]] = frozenset({"prompt", "completion", "system"})
    name: Literal["prompt_completion"] = "prompt_completion"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """One column of each kind, or mapped ones."""
        prompts = usual_or_named(named.prompt, *PROMPTS)
        answers = usual_or_named(named.completion, *COMPLETIONS)
        return find(columns, prompts) is not None and find(columns, answers) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """A conversation of one question."""
        prompts = usual_or_named(named.prompt, *PROMPTS)
        answers = usual_or_named(named.completion, *COMPLETIONS)
        question, answer = text_of(fields, prompts), text_of(fields, answers)
        if question is None or answer is None:
            return missing(prompts if question is None else answers)
        return conversation([*system_turn(fields, named), Turn("user", question), Turn("assistant", answer)])
