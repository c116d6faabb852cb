"""The pattern reward: answers in which a regular expression is found."""

from typing import ClassVar, Literal

import regex
from pydantic import Field, field_validator

from backend.recipes.rewards.base import ScoringSpec
from backend.spec import Card

TIMEOUT_SECONDS = 0.25  # of wall time for one answer; honest patterns take microseconds


class RegexReward(ScoringSpec):
    """1 where the pattern is found, else 0; a search that takes longer than a quarter of a second is given up."""

    card: ClassVar[Card] = Card(
        title="Pattern",
        summary="Answers in which a regular expression is found.",
        use_when="Answers must have a form: a tag, a number at the end, a greeting.",
    )
    name: Literal["regex"] = "regex"
    pattern: str = Field(
        min_length=1,
        max_length=1000,
        title="Pattern",
        description="A regular expression of Python's regex module; ^ and $ are the ends of the answer.",
    )
    whole: bool = Field(
        default=False, title="Whole answer", description="The whole answer must fit, not just some part of it."
    )

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        try:
            regex.compile(value)
        except (regex.error, OverflowError, RecursionError) as error:
            raise ValueError(f"this is no regular expression: {error}") from error
        return value

    def score(self, completion: str, num_tokens: int, answer: str | None) -> float:  # noqa: ARG002
        """1 if it is found. Raises TimeoutError."""
        compiled = regex.compile(self.pattern)
        look = compiled.fullmatch if self.whole else compiled.search
        return float(look(completion, timeout=TIMEOUT_SECONDS) is not None)
