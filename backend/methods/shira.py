"""SHiRA: Trains a few of the weights themselves, chosen at random."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card, because


class Shira(Targeted):
    """Trains a few of the weights themselves, chosen at random.

    Sparse High Rank Adapters, https://arxiv.org/abs/2406.13175
    """

    card: ClassVar[Card] = Card(
        title="SHiRA",
        summary="Trains a few of the weights themselves, chosen at random.",
        use_when="Many adapters that are switched or added quickly.",
        family="A few of the model's own numbers",
        pros=("Quickly switched; several add up.",),
        cons=("Which weights are trained is left to chance.",),
        paper="Sparse High Rank Adapters, https://arxiv.org/abs/2406.13175",
    )
    configuration: ClassVar[str] = "ShiraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "seed": "random_seed"}
    name: Literal["shira"] = "shira"
    rank: int = Field(
        default=32, ge=1, le=1024, title="Rank (r)", description="As many weights are trained as LoRA of this rank has."
    )
    seed: int = Field(
        default=42,
        ge=0,
        le=2147483647,
        description="Seed of the choice of weights.",
        json_schema_extra=because("The same weights are chosen in every run, so that runs can be compared."),
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
