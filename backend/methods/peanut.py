"""PEANuT: A small neural network makes the update from the weights."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Peanut(Targeted):
    """A small neural network makes the update from the weights."""

    card: ClassVar[Card] = Card(
        title="PEANuT",
        summary="A small neural network makes the update from the weights.",
        use_when="LoRA's linear update is not enough.",
        family="Low rank",
        pros=("Its update is not limited to a linear one.",),
        cons=("More computation in each step.",),
        quantizations=("int8",),
    )
    configuration: ClassVar[str] = "PeanutConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r"}
    name: Literal["peanut"] = "peanut"
    rank: int = Field(
        default=32,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    scaling: float = Field(default=1.0, gt=0, le=4096, description="The update is multiplied by it.")

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
