"""KTO: a prompt, an answer, and whether it is good."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, Rated
from backend.data.formats.base import Format, find, missing, system_turn, text_of, usual_or_named
from backend.data.formats.prompt import asking
from backend.data.formats.prompt_completion import COMPLETIONS, PROMPTS
from backend.data.formats.turns import read_turns
from backend.spec import Card, ExampleKind

LABELS = ("label", "rating", "is_good", "desirable")
WORDS = {
    **dict.fromkeys(("true", "1", "yes", "good", "desirable", "thumbs_up"), True),
    **dict.fromkeys(("false", "0", "no", "bad", "undesirable", "thumbs_down"), False),
}


class RatedAnswers(Format):
    """{"prompt": "...", "completion": "...", "label": true}; prompt and completion may be lists of turns."""

    card: ClassVar[Card] = Card(
        title="Rated answers (KTO)",
        summary="A prompt, an answer, and whether people found it good.",
        use_when="You have answers with a thumb up or down each.",
    )
    gives: ClassVar[ExampleKind] = ExampleKind.RATED
    parts: ClassVar[frozenset[str]] = frozenset({"prompt", "completion", "system", "label"})
    name: Literal["kto"] = "kto"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """One column of each kind, or mapped ones."""
        kinds = (
            usual_or_named(named.prompt, *PROMPTS),
            usual_or_named(named.completion, *COMPLETIONS),
            usual_or_named(named.label, *LABELS),
        )
        return all(find(columns, names) is not None for names in kinds)

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The rated answer, or what is wrong with it."""
        prompts = usual_or_named(named.prompt, *PROMPTS)
        column = find(fields, prompts)
        turns = missing(prompts) if column is None else asking(fields[column])
        if isinstance(turns, str):
            return turns
        answer, problem = _completion(fields, usual_or_named(named.completion, *COMPLETIONS))
        is_good = _label(fields, usual_or_named(named.label, *LABELS))
        if problem:
            return problem
        if is_good is None:
            return "the label is neither true nor false"
        whole = turns if turns[0].role == "system" else [*system_turn(fields, named), *turns]
        return Rated(tuple(whole), answer, is_good)


def _completion(fields: Mapping[str, object], names: tuple[str, ...]) -> tuple[str, str]:
    """The answer, and what is wrong with it or ""."""
    column = find(fields, names)
    if column is not None and isinstance(fields[column], list):
        turns = read_turns(fields[column])
        if isinstance(turns, str):
            return "", turns
        if len(turns) != 1 or turns[0].role != "assistant":
            return "", "the completion is not one answer of the assistant"
        text: str | None = turns[0].content
    else:
        text = text_of(fields, names)
    if text is None:
        return "", missing(names)
    return text, "" if text.strip() else "the completion is empty"


def _label(fields: Mapping[str, object], names: tuple[str, ...]) -> bool | None:
    column = find(fields, names)
    value = None if column is None else fields[column]
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value) and value in (0, 1):
        return bool(value)
    return WORDS.get(value.strip().lower()) if isinstance(value, str) else None
