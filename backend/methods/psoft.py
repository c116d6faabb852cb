"""PSOFT: Rotates within the weights' principal subspace."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Psoft(Targeted):
    """Rotates within the weights' principal subspace."""

    card: ClassVar[Card] = Card(
        title="PSOFT",
        summary="Rotates within the weights' principal subspace.",
        use_when="OFT's gentleness at less memory.",
        family="Rotations",
        pros=("Less memory than OFT.",),
        cons=("A decomposition before the first step; full weights only.",),
        quantizations=(),
    )
    configuration: ClassVar[str] = "PsoftConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "alpha": "psoft_alpha", "dropout": "psoft_dropout"}
    name: Literal["psoft"] = "psoft"
    rank: int = Field(
        default=32,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    alpha: float = Field(
        default=32.0,
        gt=0,
        le=4096,
        description="Scale of the adapter; the weight update is multiplied by alpha / rank.",
        title="Alpha",
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
        return rank_misfit(self.rank, outputs, inputs)
