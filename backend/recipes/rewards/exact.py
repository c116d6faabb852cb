"""The exact reward: answers that are the dataset's answer."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.recipes.rewards.base import ScoringSpec
from backend.spec import Card


class ExactReward(ScoringSpec):
    """1 where the answer is the dataset's, but for white space, else 0."""

    card: ClassVar[Card] = Card(
        title="Exact answer",
        summary="Answers that equal the dataset's answer, or hold it.",
        use_when="Prompts have one right answer: a number, a name, a choice.",
    )
    needs_answer: ClassVar[bool] = True
    name: Literal["exact"] = "exact"
    inside: bool = Field(
        default=False, title="May stand inside", description="It is enough that the answer holds the dataset's answer."
    )
    ignore_case: bool = Field(default=True, title="Ignore capitals", description="Capitals make no difference.")

    def score(self, completion: str, num_tokens: int, answer: str | None) -> float:  # noqa: ARG002
        """1 or 0; 0 where the row has no answer."""
        if answer is None:
            return 0.0
        wanted, given = self._plain(answer), self._plain(completion)
        return float(wanted in given if self.inside else wanted == given)

    def _plain(self, text: str) -> str:
        joined = " ".join(text.split())
        return joined.casefold() if self.ignore_case else joined
