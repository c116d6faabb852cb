"""Odds ratio preference optimization: learning the better answer and leaving the worse one in a single pass."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.recipes.base import RecipeSpec
from backend.spec import Card, ExampleKind


class Orpo(RecipeSpec):
    """ORPO: fine-tuning on the preferred answer plus an odds ratio; it needs no reference model."""

    card: ClassVar[Card] = Card(
        title="Odds ratio preference optimization (ORPO)",
        summary="Learns the preferred answers and moves away from the rejected ones at once, without a reference.",
        use_when="You have preference pairs and a base model that was not fine-tuned on such answers before.",
        paper="ORPO: Monolithic Preference Optimization (Hong et al., 2024), https://arxiv.org/abs/2403.07691",
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.PREFERENCE,)
    loss_unit: ClassVar[str] = "(ORPO loss)"
    name: Literal["orpo"] = "orpo"
    beta: float = Field(
        default=0.1, gt=0, le=100, title="Beta", description="Weight of the odds ratio beside the loss of the answer."
    )
