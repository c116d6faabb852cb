"""AdaMSS: Cuts the weights' principal subspace into several, and adapts each at a low rank."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Adamss(Targeted):
    """Cuts the weights' principal subspace into several, and adapts each at a low rank."""

    card: ClassVar[Card] = Card(
        title="AdaMSS",
        summary="Cuts the weights' principal subspace into several, and adapts each at a low rank.",
        use_when="Few parameters with a high total rank.",
        family="Low rank",
        pros=("A high total rank from few parameters.",),
        cons=("A decomposition of every weight before the first step.",),
        quantizations=(),
        unavailable="It needs scikit-learn, which the studio does not install.",
        can_merge=False,
    )
    configuration: ClassVar[str] = "AdamssConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "subspaces": "num_subspaces"}
    name: Literal["adamss"] = "adamss"
    rank: int = Field(
        default=100,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Directions of the weight that are cut into subspaces.",
    )
    subspaces: int = Field(default=5, ge=1, le=1024, description="Number of subspaces.")
    subspace_rank: int = Field(default=1, ge=1, le=1024, description="Rank in each subspace.")

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
