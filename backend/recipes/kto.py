"""Kahneman-Tversky optimization: answers that are each rated good or bad."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.recipes.base import RecipeSpec
from backend.spec import Card, ExampleKind


class Kto(RecipeSpec):
    """KTO against the base model as reference; a preference pair counts as a good and a bad answer.

    Its loss compares each prompt with a neighbour's answer, so rows are mixed once by the seed and then keep
    their order in every epoch.
    """

    card: ClassVar[Card] = Card(
        title="Kahneman-Tversky optimization (KTO)",
        summary="Good answers become likelier and bad ones less likely, measured against the base model.",
        use_when="You have answers with a thumb up or down each, not pairs.",
        paper="KTO: Model Alignment as Prospect Theoretic Optimization (Ethayarajh et al., 2024), "
        "https://arxiv.org/abs/2402.01306",
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.RATED, ExampleKind.PREFERENCE)
    loss_unit: ClassVar[str] = "(KTO loss)"
    name: Literal["kto"] = "kto"
    beta: float = Field(
        default=0.1,
        gt=0,
        le=100,
        title="Beta",
        description="How closely the model stays with the base model; higher means closer.",
    )
    loss_type: Literal["kto", "apo_zero_unpaired"] = Field(
        default="kto", title="Loss", description="kto as published; apo_zero_unpaired estimates no divergence."
    )
    desirable_weight: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        title="Weight of good answers",
        description="Raise it where good answers are the fewer: (good x weight) : (bad x weight) from 1:1 to 4:3.",
    )
    undesirable_weight: float = Field(
        default=1.0, gt=0, le=1000, title="Weight of bad answers", description="The same for bad answers."
    )

    def compares_with_base(self) -> bool:
        """Always."""
        return True

    def batch_problem(self, *, batch_size: int, gradient_accumulation: int, max_length: int) -> str | None:  # noqa: ARG002
        """The divergence is estimated from a neighbour in the micro-batch, so there must be one."""
        if self.loss_type == "kto" and batch_size < 2:  # noqa: PLR2004
            return "recipe kto needs training.batch_size of at least 2: its loss compares rows of one micro-batch"
        return None
