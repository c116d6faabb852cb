"""VB-LoRA: Builds LoRA's matrices of pieces from one shared bank of vectors."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Vblora(Targeted):
    """Builds LoRA's matrices of pieces from one shared bank of vectors.

    VB-LoRA: Extreme Parameter Efficient Fine-Tuning with Vector Banks, https://arxiv.org/abs/2405.15179
    """

    card: ClassVar[Card] = Card(
        title="VB-LoRA",
        summary="Builds LoRA's matrices of pieces from one shared bank of vectors.",
        use_when="Extremely small adapters for many tasks.",
        family="Shared or random parts",
        pros=("Adapters of some kilobytes.",),
        cons=("Sensitive to its learning rates.",),
        paper="VB-LoRA: Extreme Parameter Efficient Fine-Tuning with Vector Banks, https://arxiv.org/abs/2405.15179",
    )
    configuration: ClassVar[str] = "VBLoRAConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "vectors": "num_vectors", "dropout": "vblora_dropout"}
    name: Literal["vblora"] = "vblora"
    rank: int = Field(
        default=4,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    vectors: int = Field(default=256, ge=1, le=100000, description="Vectors in the bank.")
    vector_length: int = Field(
        default=256, ge=1, le=8192, description="Length of a vector; must divide both sides of each layer."
    )
    topk: int = Field(default=2, ge=1, le=64, description="Vectors that are mixed for a piece.")
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        is_wrong = outputs % self.vector_length or inputs % self.vector_length
        return f"The vector length {self.vector_length} does not divide {outputs} and {inputs}." if is_wrong else ""
