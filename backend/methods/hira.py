"""HiRA: The update is the weight itself times a low-rank matrix, element by element: of high rank."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card


class Hira(Targeted):
    """The update is the weight itself times a low-rank matrix, element by element: of high rank.

    HiRA: Parameter-Efficient Hadamard High-Rank Adaptation for Large Language Models, https://openreview.net/forum?id=TwJrTz9cRS
    """

    card: ClassVar[Card] = Card(
        title="HiRA",
        summary="The update is the weight itself times a low-rank matrix, element by element: of high rank.",
        use_when="LoRA's rank is too small for the task.",
        family="Low rank",
        pros=("An update of high rank at LoRA's size.",),
        cons=("The weight is read again in each step: slower.",),
        paper="HiRA: Parameter-Efficient Hadamard High-Rank Adaptation for Large Language Models, https://openreview.net/forum?id=TwJrTz9cRS",
    )
    configuration: ClassVar[str] = "HiraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "dropout": "hira_dropout"}
    name: Literal["hira"] = "hira"
    rank: int = Field(
        default=32,
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
