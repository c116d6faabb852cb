"""DeLoRA: LoRA with normalized directions and one learned, bounded strength."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Delora(Targeted):
    """LoRA with normalized directions and one learned, bounded strength.

    Decoupling Angles and Strength in Low-rank Adaptation, https://arxiv.org/abs/2503.18225
    """

    card: ClassVar[Card] = Card(
        title="DeLoRA",
        summary="LoRA with normalized directions and one learned, bounded strength.",
        use_when="High learning rates, or training that LoRA makes unstable.",
        family="Low rank",
        pros=("Robust against too high learning rates.",),
        cons=("Full weights only.",),
        paper="Decoupling Angles and Strength in Low-rank Adaptation, https://arxiv.org/abs/2503.18225",
        quantizations=(),
    )
    configuration: ClassVar[str] = "DeloraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "strength": "delora_lambda"}
    name: Literal["delora"] = "delora"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    strength: float = Field(
        default=15.0, gt=0, le=1000000.0, description="Bound of the update's norm at the start.", title="Lambda"
    )
    module_dropout: float = Field(
        default=0.0, ge=0, lt=1, title="Dropout", description="Share of layers left out while training."
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
