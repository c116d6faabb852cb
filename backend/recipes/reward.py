"""Reward modelling: a model that gives a text one score, higher for what people prefer."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.recipes.base import RecipeSpec
from backend.spec import Card, ExampleKind


class Reward(RecipeSpec):
    """A reward model (Bradley-Terry): the preferred answer gets the higher score."""

    card: ClassVar[Card] = Card(
        title="Reward model",
        summary="The model learns to score answers: the preferred one of each pair higher than the other.",
        use_when="You have preference pairs and want to rank answers, or to train another model with the scores.",
        paper="Training language models to follow instructions with human feedback (Ouyang et al., 2022), "
        "https://arxiv.org/abs/2203.02155",
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.PREFERENCE,)
    head: ClassVar[Literal["language", "score"]] = "score"
    loss_unit: ClassVar[str] = "nats per pair"
    name: Literal["reward"] = "reward"
    center_rewards_coefficient: float | None = Field(
        default=None,
        gt=0,
        le=100,
        title="Centring",
        description="Weight of a term that keeps scores around 0 (0.01 is usual); None leaves them free.",
    )
