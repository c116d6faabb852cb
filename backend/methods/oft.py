"""OFT: Turns the neurons of a layer by block-diagonal rotations, which keeps their angles to one another."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Oft(Targeted):
    """Turns the neurons of a layer by block-diagonal rotations, which keeps their angles to one another.

    Controlling Text-to-Image Diffusion by Orthogonal Finetuning, https://arxiv.org/abs/2306.07280
    """

    card: ClassVar[Card] = Card(
        title="OFT",
        summary="Turns the neurons of a layer by block-diagonal rotations, which keeps their angles to one another.",
        use_when="What the model knows should stay intact.",
        family="Rotations",
        pros=("Angles between neurons stay: little is forgotten.",),
        cons=("A matrix is inverted per block and step: slower.",),
        paper="Controlling Text-to-Image Diffusion by Orthogonal Finetuning, https://arxiv.org/abs/2306.07280",
    )
    configuration: ClassVar[str] = "OFTConfig"
    words: ClassVar[Mapping[str, str]] = {"block_size": "oft_block_size"}
    name: Literal["oft"] = "oft"
    block_size: int = Field(
        default=32, ge=2, le=8192, description="Side of each rotation; must divide the inputs of each layer."
    )
    module_dropout: float = Field(
        default=0.0, ge=0, lt=1, title="Dropout", description="Share of blocks left alone while training."
    )
    coft: bool = Field(
        default=False, description="Keep each rotation near the identity (constrained OFT).", title="COFT"
    )
    eps: float = Field(default=6e-05, gt=0, le=1, description="How far a constrained rotation may go.")
    block_share: bool = Field(default=False, description="One rotation for all blocks of a layer.")

    def peft_options(self) -> dict[str, Any]:
        """The knobs in peft's words."""
        return super().peft_options() | {"r": 0}

    def misfit(self, outputs: int, inputs: int) -> str:  # noqa: ARG002 - as in every method
        """Why it cannot go on a layer of this shape."""
        return (
            f"The block size {self.block_size} does not divide its {inputs} inputs." if inputs % self.block_size else ""
        )
