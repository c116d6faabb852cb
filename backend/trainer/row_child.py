"""Rows turned into tokens in a limited child, because a chat template is a program of a stranger."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from transformers import PreTrainedTokenizerBase

from backend.data.examples import Conversation, Example, PlainText, Preference, Prompt, Rated, Turn
from backend.domain.data_checks import EncodedRow
from backend.trainer.errors import ChatTemplateUnsuitable
from backend.trainer.limited import ChildFailed, Limits, TooBig, TooSlow, limited
from backend.trainer.model_errors import TemplateTooBig, TemplateTooSlow
from backend.trainer.tokens import Encoder

NUM_TRIED = 4


@dataclass(slots=True)
class Encodings:
    """What the child made. `refused` says why by row; `ended` is how and at which row a limit ended it."""

    rows: list[EncodedRow] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    ended: tuple[str, int] | None = None


def encode(encoder: Encoder, examples: Sequence[tuple[int, Example]], limits: Limits) -> Encodings:
    """Encode numbered rows as training will, before they are cut; it ends at the first that breaks a limit."""
    made = Encodings()
    numbers = [number for number, _ in examples]
    current = -1
    try:
        for current, line in enumerate(limited(lambda: _encoded(encoder, examples), limits)):
            for found in json.loads(line):
                if "why" in found:
                    made.refused[numbers[current]] = found["why"]
                else:
                    made.rows.append(EncodedRow(numbers[current], tuple(found["ids"]), tuple(found["labels"])))
    except (TooSlow, TooBig) as error:
        name = "template-too-slow" if isinstance(error, TooSlow) else "template-too-big"
        made.ended = name, numbers[min(current + 1, len(numbers) - 1)]
    except ChildFailed as error:
        made.refused[numbers[min(current + 1, len(numbers) - 1)]] = f"The process that tried it failed: {error}."
    return made


def try_template(tokenizer: PreTrainedTokenizerBase, examples: Iterable[Example], limits: Limits | None = None) -> None:
    """Let the first rows pass through the chat template in a limited child, before it is trusted in this process.

    It costs a fork, about 0.02 s. Raises TemplateTooSlow, TemplateTooBig, ChatTemplateUnsuitable.
    """
    first = [(number, example) for number, example in enumerate(islice(examples, NUM_TRIED), 1)]
    if all(isinstance(example, PlainText) for _, example in first):
        return
    limits = limits or Limits()
    made = encode(Encoder(tokenizer, max_length=1, answers_only=True), first, limits)
    match made.ended:
        case ("template-too-slow", number):
            raise TemplateTooSlow(row=f"row {number}", seconds=limits.item_seconds)
        case ("template-too-big", number):
            raise TemplateTooBig(row=f"row {number}", megabytes=limits.more_bytes / 1e6)


def conversations(example: Example) -> list[Conversation | PlainText]:
    """An example as supervised training would read it: every answer of it as a conversation of its own."""
    match example:
        case Conversation() | PlainText():
            return [example]
        case Preference():
            return [_answered(example.prompt, answer) for answer in (example.chosen, example.rejected)]
        case Rated():
            return [_answered(example.prompt, example.completion)]
        case Prompt():
            return [] if example.answer is None else [_answered(example.turns, example.answer)]


def _answered(prompt: tuple[Turn, ...], answer: str) -> Conversation:
    return Conversation((*prompt, Turn("assistant", answer)))


def _encoded(encoder: Encoder, examples: Sequence[tuple[int, Example]]) -> Iterator[str]:
    for number, example in examples:
        found: list[dict[str, object]] = []
        for conversation in conversations(example):
            try:
                ids, labels = encoder.whole(conversation, f"row {number}")
                found.append({"ids": [int(token) for token in ids], "labels": [int(label) for label in labels]})
            except ChatTemplateUnsuitable as error:
                found.append({"why": str(error.data["why"])})
        yield json.dumps(found)
