"""Lily: Layers share their low-rank matrices and mix them by a learned router."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Lily(Targeted):
    """Layers share their low-rank matrices and mix them by a learned router.

    Low-Rank Interconnected Adaptation across Layers, https://arxiv.org/abs/2407.09946
    """

    card: ClassVar[Card] = Card(
        title="Lily",
        summary="Layers share their low-rank matrices and mix them by a learned router.",
        use_when="Fewer parameters at a high rank.",
        family="Low rank",
        pros=("A high rank from few parameters.",),
        cons=("Cannot be merged: its router depends on the input.",),
        paper="Low-Rank Interconnected Adaptation across Layers, https://arxiv.org/abs/2407.09946",
        can_merge=False,
    )
    configuration: ClassVar[str] = "LilyConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "experts": "num_B"}
    name: Literal["lily"] = "lily"
    rank: int = Field(
        default=32,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    experts: int = Field(default=2, ge=2, le=256, description="Shared B matrices that are mixed.")
    scaling: float = Field(default=1.0, gt=0, le=4096, description="The update is multiplied by it.")

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
