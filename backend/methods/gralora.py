"""GraLoRA: Cuts each weight into blocks, each with its own small LoRA."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Gralora(Targeted):
    """Cuts each weight into blocks, each with its own small LoRA.

    GraLoRA: Granular Low-Rank Adaptation for Parameter-Efficient Fine-Tuning, https://arxiv.org/abs/2505.20355
    """

    card: ClassVar[Card] = Card(
        title="GraLoRA",
        summary="Cuts each weight into blocks, each with its own small LoRA.",
        use_when="Ranks above 32, where LoRA's gradients get entangled.",
        family="Low rank",
        pros=("High ranks keep their expressiveness.",),
        cons=("More small products: slower than LoRA.",),
        paper="GraLoRA: Granular Low-Rank Adaptation for Parameter-Efficient Fine-Tuning, https://arxiv.org/abs/2505.20355",
    )
    configuration: ClassVar[str] = "GraloraConfig"
    words: ClassVar[Mapping[str, str]] = {
        "rank": "r",
        "blocks": "gralora_k",
        "hybrid_rank": "hybrid_r",
        "dropout": "gralora_dropout",
    }
    name: Literal["gralora"] = "gralora"
    rank: int = Field(
        default=32,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    alpha: float = Field(
        default=64.0,
        gt=0,
        le=4096,
        description="Scale of the adapter; the weight update is multiplied by alpha / rank.",
        title="Alpha",
    )
    blocks: int = Field(
        default=2, ge=1, le=64, description="Blocks per side; must divide the rank and both sides of each layer."
    )
    hybrid_rank: int = Field(
        default=0, ge=0, le=1024, description="Rank of an ordinary LoRA beside the blocks; 0 for none."
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
        is_wrong = outputs % self.blocks or inputs % self.blocks
        divides = f"{self.blocks} blocks do not divide {outputs} and {inputs}."
        return divides if is_wrong else rank_misfit(self.rank, outputs, inputs)
