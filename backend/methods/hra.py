"""HRA: Multiplies the weights by a chain of learned Householder reflections."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Hra(Targeted):
    """Multiplies the weights by a chain of learned Householder reflections.

    Bridging The Gap between Low-rank and Orthogonal Adaptation via Householder Reflection Adaptation, https://arxiv.org/abs/2405.17484
    """

    card: ClassVar[Card] = Card(
        title="HRA",
        summary="Multiplies the weights by a chain of learned Householder reflections.",
        use_when="OFT's gentleness in LoRA's form.",
        family="Rotations",
        pros=("Stability of OFT, parameters like LoRA.",),
        cons=("Reflections follow one another: slower at high ranks.",),
        paper="Bridging The Gap between Low-rank and Orthogonal Adaptation via Householder Reflection Adaptation, https://arxiv.org/abs/2405.17484",
        quantizations=("int8",),
    )
    configuration: ClassVar[str] = "HRAConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "orthogonal": "apply_GS"}
    name: Literal["hra"] = "hra"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Number of reflections; must be even, so that they start as none.",
    )
    orthogonal: bool = Field(default=False, description="Make the reflections orthogonal to each other (Gram-Schmidt).")

    def misfit(self, outputs: int, inputs: int) -> str:  # noqa: ARG002 - as in every method
        """Why it cannot go on a layer of this shape."""
        return f"{self.rank} reflections are more than its {inputs} inputs." if self.rank > inputs else ""
