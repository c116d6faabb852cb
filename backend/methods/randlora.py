"""RandLoRA: A full-rank update from frozen random low-rank matrices with learned factors."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Randlora(Targeted):
    """A full-rank update from frozen random low-rank matrices with learned factors.

    RandLoRA: Full-rank parameter-efficient fine-tuning of large models, https://arxiv.org/abs/2502.00987
    """

    card: ClassVar[Card] = Card(
        title="RandLoRA",
        summary="A full-rank update from frozen random low-rank matrices with learned factors.",
        use_when="LoRA's rank is too small for the task.",
        family="Shared or random parts",
        pros=("An update of full rank.",),
        cons=("Large random matrices in memory.",),
        paper="RandLoRA: Full-rank parameter-efficient fine-tuning of large models, https://arxiv.org/abs/2502.00987",
    )
    configuration: ClassVar[str] = "RandLoraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "alpha": "randlora_alpha", "dropout": "randlora_dropout"}
    name: Literal["randlora"] = "randlora"
    rank: int = Field(
        default=32,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of each random matrix: lower means more of them, and more parameters.",
    )
    alpha: float = Field(
        default=640.0, gt=0, le=100000, description="Scale of the update; about 20 times the rank.", title="Alpha"
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
