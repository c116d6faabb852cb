"""Direct preference optimization: the better of two answers becomes likelier than the worse one."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.recipes.base import RecipeSpec
from backend.spec import Card, ExampleKind

LossType = Literal[
    "sigmoid",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "robust",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
    "sft",
    "sigmoid_norm",
]

SMOOTHED = ("robust", "exo_pair", "aot", "aot_unpaired")


class Dpo(RecipeSpec):
    """Direct preference optimization against the base model as reference; dropout is off, as in trl."""

    card: ClassVar[Card] = Card(
        title="Direct preference optimization (DPO)",
        summary="Of two answers to a prompt, the preferred one becomes likelier, measured against the base model.",
        use_when="You have pairs of answers and know which one people prefer.",
        recommended=True,
        paper="Direct Preference Optimization (Rafailov et al., 2023), https://arxiv.org/abs/2305.18290",
    )
    reads: ClassVar[tuple[ExampleKind, ...]] = (ExampleKind.PREFERENCE,)
    loss_unit: ClassVar[str] = "(DPO loss)"
    name: Literal["dpo"] = "dpo"
    beta: float = Field(
        default=0.1,
        gt=0,
        le=100,
        title="Beta",
        description="How closely the model stays with the base model; higher means closer.",
    )
    loss_type: LossType = Field(
        default="sigmoid",
        title="Loss",
        description="sigmoid is DPO as published; the others are variants that trl offers under these names.",
    )
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        title="Label smoothing",
        description="Share of the pairs that are thought to be the wrong way round; for robust, exo_pair and aot.",
    )

    @model_validator(mode="after")
    def _loss_has_what_it_needs(self) -> Self:
        if self.loss_type == "exo_pair" and self.label_smoothing == 0:
            raise ValueError('loss_type "exo_pair" needs label_smoothing above 0; its paper uses 0.001')
        if self.label_smoothing and self.loss_type not in SMOOTHED:
            raise ValueError(f"label_smoothing is used by these loss types only: {', '.join(SMOOTHED)}")
        return self

    def compares_with_base(self) -> bool:
        """Always."""
        return True
