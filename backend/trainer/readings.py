"""A row as its recipe reads it: one side or several, each as token ids and labels before anything is cut."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from transformers import PreTrainedTokenizerBase

from backend.data.examples import Example, Preference
from backend.domain.data_checks import Learning
from backend.recipes import Dpo, Grpo, Kto, Orpo, Pretrain, Recipe, Reward, Sft
from backend.recipes.rewards import Rewards
from backend.recipes.rewards.length import LengthReward
from backend.spec import ExampleKind
from backend.trainer.collation import IGNORED
from backend.trainer.preferences import NO_LIMIT, AnswerEncoder, prompt_of, rated
from backend.trainer.tokens import Encoder

USUAL: dict[ExampleKind, Recipe] = {
    ExampleKind.CONVERSATION: Sft(),
    ExampleKind.TEXT: Sft(),
    ExampleKind.PREFERENCE: Dpo(),
    ExampleKind.RATED: Kto(),
    ExampleKind.PROMPT: Grpo(rewards=Rewards(length=LengthReward(limit=1))),
}
"""Which recipe a dataset is usually trained with, where nobody named one."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one forward pass gets of a row; `name` is empty where there is only one."""

    name: str
    ids: list[int]
    labels: list[int]


Reader = Callable[[Example, str], list[Side]]
"""The sides of an example; the second argument is what ChatTemplateUnsuitable calls it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a recipe reads rows. `limit` is the number of tokens at which they are cut, or a prompt must end."""

    read: Reader
    limit: int
    learning: Learning = Learning.TOKENS
    num_sides: int = 1


def reading_of(recipe: Recipe, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Reading:
    """The reading of a recipe, with the encoders that it trains with."""
    answers_only = isinstance(recipe, Sft) and recipe.answers_only
    whole = Encoder(tokenizer, max_length=NO_LIMIT, answers_only=answers_only)
    answers = AnswerEncoder(tokenizer, NO_LIMIT)
    match recipe:
        case Sft():
            return Reading(lambda example, name: [Side("", *whole.whole(example, name))], max_length)
        case Pretrain():  # nothing is cut off: rows are joined
            return Reading(lambda example, name: [Side("", *whole.whole(example, name))], NO_LIMIT)
        case Dpo() | Orpo():
            return Reading(lambda example, name: _pair(answers, example, name), max_length, num_sides=2)
        case Reward():
            return Reading(lambda example, name: _pair(answers, example, name), max_length, Learning.SCORE, 2)
        case Kto():
            return Reading(lambda example, name: _rated(answers, example, name), max_length)
        case Grpo():
            room = max_length - recipe.max_completion_length
            return Reading(lambda example, name: _prompt(whole, example, name), room, Learning.NOTHING)
        case _:
            assert_never(recipe)


def _pair(encoder: AnswerEncoder, example: Example, name: str) -> list[Side]:
    assert isinstance(example, Preference)
    prompt, found = encoder.split(example.prompt, (example.chosen, example.rejected), name)
    return [_side(side, prompt, answer) for side, answer in zip(("chosen", "rejected"), found, strict=True)]


def _rated(encoder: AnswerEncoder, example: Example, name: str) -> list[Side]:
    sides = []
    for each in rated((example,)):
        prompt, (answer,) = encoder.split(each.prompt, (each.completion,), name)
        sides.append(_side("good" if each.is_good else "bad", prompt, answer))
    return sides


def _prompt(encoder: Encoder, example: Example, name: str) -> list[Side]:
    ids = encoder.question(prompt_of(example).turns, name)
    return [Side("prompt", ids, [IGNORED] * len(ids))]


def _side(name: str, prompt: list[int], answer: list[int]) -> Side:
    return Side(name, [*prompt, *answer], [IGNORED] * len(prompt) + answer)
