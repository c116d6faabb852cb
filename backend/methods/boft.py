"""BOFT: OFT whose rotations are products of sparse butterfly factors."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Boft(Targeted):
    """OFT whose rotations are products of sparse butterfly factors.

    Parameter-Efficient Orthogonal Finetuning via Butterfly Factorization, https://arxiv.org/abs/2311.06243
    """

    card: ClassVar[Card] = Card(
        title="BOFT",
        summary="OFT whose rotations are products of sparse butterfly factors.",
        use_when="Like OFT with fewer parameters; slower.",
        family="Rotations",
        pros=("OFT's stability with fewer parameters.",),
        cons=("The slowest of the rotations.",),
        paper="Parameter-Efficient Orthogonal Finetuning via Butterfly Factorization, https://arxiv.org/abs/2311.06243",
    )
    configuration: ClassVar[str] = "BOFTConfig"
    words: ClassVar[Mapping[str, str]] = {
        "block_size": "boft_block_size",
        "factors": "boft_n_butterfly_factor",
        "dropout": "boft_dropout",
    }
    name: Literal["boft"] = "boft"
    block_size: int = Field(
        default=4, ge=2, le=8192, description="Side of each block; must divide the inputs of each layer."
    )
    factors: int = Field(default=1, ge=1, le=16, description="Butterfly factors; 1 is plain OFT.")
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )

    def misfit(self, outputs: int, inputs: int) -> str:  # noqa: ARG002 - as in every method
        """Why it cannot go on a layer of this shape."""
        return (
            f"The block size {self.block_size} does not divide its {inputs} inputs." if inputs % self.block_size else ""
        )
