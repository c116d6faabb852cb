"""What all reward functions share: a card and a weight."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import Field

from backend.spec import Spec


class RewardSpec(Spec):
    """How good one answer is. `needs_answer` means that it compares with the dataset's answer."""

    needs_answer: ClassVar[bool] = False
    weight: float = Field(
        default=1.0,
        ge=-1000,
        le=1000,
        title="Weight",
        description="The score is multiplied by it before scores are added up; below 0 it is a punishment.",
    )


class ScoringSpec(RewardSpec):
    """A reward that can be computed from the answer alone, by its own knobs."""

    @abstractmethod
    def score(self, completion: str, num_tokens: int, answer: str | None) -> float:
        """From 0 to 1. Raises TimeoutError if it takes too long."""
