"""GLoRA: Scales and shifts weights, features and biases at once."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Glora(Targeted):
    """Scales and shifts weights, features and biases at once.

    One-for-All: Generalized LoRA for Parameter-Efficient Fine-tuning, https://arxiv.org/abs/2306.07967
    """

    card: ClassVar[Card] = Card(
        title="GLoRA",
        summary="Scales and shifts weights, features and biases at once.",
        use_when="More freedom than LoRA per layer.",
        family="Low rank",
        pros=("Changes weights, features and biases alike.",),
        cons=("More numbers per layer; full weights only.",),
        paper="One-for-All: Generalized LoRA for Parameter-Efficient Fine-tuning, https://arxiv.org/abs/2306.07967",
        quantizations=(),
    )
    configuration: ClassVar[str] = "GloraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r"}
    name: Literal["glora"] = "glora"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
