"""The length reward: answers of about so many tokens, or not more than so many."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.recipes.rewards.base import ScoringSpec
from backend.spec import Card


class LengthReward(ScoringSpec):
    """1 at the target and falling to 0 at twice or none of it; 0 beyond the limit."""

    card: ClassVar[Card] = Card(
        title="Length",
        summary="Answers of a certain length, in tokens.",
        use_when="Answers are too long or too short.",
    )
    name: Literal["length"] = "length"
    target: int | None = Field(
        default=None, ge=1, le=1_000_000, title="Target", description="Tokens of an ideal answer; None for any."
    )
    limit: int | None = Field(
        default=None, ge=1, le=1_000_000, title="Limit", description="An answer of more tokens scores 0; None for none."
    )

    @model_validator(mode="after")
    def _measures_something(self) -> Self:
        if self.target is None and self.limit is None:
            raise ValueError("set a target or a limit")
        return self

    def score(self, completion: str, num_tokens: int, answer: str | None) -> float:  # noqa: ARG002
        """1 - |tokens - target| / target, not below 0; without a target 1 up to the limit."""
        if self.limit is not None and num_tokens > self.limit:
            return 0.0
        return 1.0 if self.target is None else max(0.0, 1.0 - abs(num_tokens - self.target) / self.target)
