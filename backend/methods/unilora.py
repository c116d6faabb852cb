"""Uni-LoRA: All of LoRA's numbers are drawn from one short trained vector."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Unilora(Targeted):
    """All of LoRA's numbers are drawn from one short trained vector."""

    card: ClassVar[Card] = Card(
        title="Uni-LoRA",
        summary="All of LoRA's numbers are drawn from one short trained vector.",
        use_when="Extremely small adapters.",
        family="Shared or random parts",
        pros=("The whole adapter is one vector.",),
        cons=("Learns less than LoRA; full weights only.",),
        quantizations=(),
    )
    configuration: ClassVar[str] = "UniLoraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "length": "theta_d_length", "dropout": "unilora_dropout"}
    name: Literal["unilora"] = "unilora"
    rank: int = Field(
        default=4,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    length: int = Field(default=256, ge=1, le=10000000, description="Length of the one trained vector.")
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
