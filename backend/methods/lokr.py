"""LoKr: The update is a Kronecker product of small matrices."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card, because


class Lokr(Targeted):
    """The update is a Kronecker product of small matrices.

    Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation, https://arxiv.org/abs/2309.14859
    """

    card: ClassVar[Card] = Card(
        title="LoKr",
        summary="The update is a Kronecker product of small matrices.",
        use_when="Very small adapters of high rank.",
        family="Low rank",
        pros=("Very small for its rank.",),
        cons=("Its structure suits some weights better than others.",),
        paper="Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation, https://arxiv.org/abs/2309.14859",
        quantizations=("int8",),
    )
    configuration: ClassVar[str] = "LoKrConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "factor": "decompose_factor"}
    name: Literal["lokr"] = "lokr"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    alpha: float = Field(
        default=16.0,
        gt=0,
        le=4096,
        description="Scale of the adapter; the weight update is multiplied by alpha / rank.",
        title="Alpha",
        json_schema_extra=because("Twice the rank, as with LoRA."),
    )
    rank_dropout: float = Field(
        default=0.0, ge=0, lt=1, title="Dropout", description="Share of rank rows left out while training."
    )
    module_dropout: float = Field(
        default=0.0, ge=0, lt=1, title="Dropout", description="Share of layers left out while training."
    )
    decompose_both: bool = Field(default=False, description="Decompose the left factor of the product too.")
    factor: int = Field(
        default=-1, ge=-1, le=4096, description="How a side is cut into two factors; -1 near its square root."
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
