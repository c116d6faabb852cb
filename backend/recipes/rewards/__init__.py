"""What makes an answer good; a new reward function is one file and one field here."""

from typing import Self

from pydantic import Field, model_validator

from backend.recipes.rewards.base import RewardSpec, ScoringSpec
from backend.recipes.rewards.exact import ExactReward
from backend.recipes.rewards.length import LengthReward
from backend.recipes.rewards.pattern import RegexReward
from backend.recipes.rewards.python_file import PythonReward
from backend.spec import Frozen


class Rewards(Frozen):
    """The reward functions of a run, each at most once; their weighted scores are added up."""

    length: LengthReward | None = Field(default=None, description="Answers of a certain length.")
    regex: RegexReward | None = Field(default=None, description="Answers in which a pattern is found.")
    exact: ExactReward | None = Field(default=None, description="Answers that equal the dataset's.")
    python: PythonReward | None = Field(default=None, description="A function of your own.")

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.chosen():
            raise ValueError("name at least one of length, regex, exact, python")
        return self

    def chosen(self) -> tuple[RewardSpec, ...]:
        """Those that are set, in the order of the fields."""
        return tuple(spec for spec in (self.length, self.regex, self.exact, self.python) if spec is not None)


REWARDS: tuple[type[RewardSpec], ...] = (LengthReward, RegexReward, ExactReward, PythonReward)

__all__ = ["REWARDS", "PythonReward", "RewardSpec", "Rewards", "ScoringSpec"]
