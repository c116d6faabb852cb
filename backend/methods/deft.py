"""DEFT: Removes a learned projection of the weights and adds another one."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Deft(Targeted):
    """Removes a learned projection of the weights and adds another one."""

    card: ClassVar[Card] = Card(
        title="DEFT",
        summary="Removes a learned projection of the weights and adds another one.",
        use_when="Something learned before is to be replaced.",
        family="Low rank",
        pros=("Made to replace what was learned before.",),
        cons=("Young and little tried.",),
        quantizations=("int8",),
    )
    configuration: ClassVar[str] = "DeftConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "dropout": "deft_dropout"}
    name: Literal["deft"] = "deft"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
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
