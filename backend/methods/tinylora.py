"""TinyLoRA: Trains a handful of numbers per layer that mix fixed random directions of the weights."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Tinylora(Targeted):
    """Trains a handful of numbers per layer that mix fixed random directions of the weights."""

    card: ClassVar[Card] = Card(
        title="TinyLoRA",
        summary="Trains a handful of numbers per layer that mix fixed random directions of the weights.",
        use_when="To see how few parameters are enough.",
        family="Shared or random parts",
        pros=("As few parameters as you like.",),
        cons=("Learns little; full weights only.",),
        quantizations=(),
    )
    configuration: ClassVar[str] = "TinyLoraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "numbers": "u", "dropout": "tinylora_dropout"}
    name: Literal["tinylora"] = "tinylora"
    rank: int = Field(
        default=2, ge=1, le=1024, title="Rank (r)", description="Directions of the weight that are mixed."
    )
    numbers: int = Field(default=64, ge=1, le=100000, description="Trained numbers per layer.")
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
