"""LoHa: The update is the elementwise product of two low-rank updates, of up to rank r squared."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card, because


class Loha(Targeted):
    """The update is the elementwise product of two low-rank updates, of up to rank r squared.

    FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning, https://arxiv.org/abs/2108.06098
    """

    card: ClassVar[Card] = Card(
        title="LoHa",
        summary="The update is the elementwise product of two low-rank updates, of up to rank r squared.",
        use_when="A higher rank from the same number of parameters; slower than LoRA.",
        family="Low rank",
        pros=("Rank r squared from the parameters of two ranks r.",),
        cons=("Slower, and known mostly from images.",),
        paper="FedPara: Low-Rank Hadamard Product for Communication-Efficient Federated Learning, https://arxiv.org/abs/2108.06098",
        quantizations=("int8",),
    )
    configuration: ClassVar[str] = "LoHaConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r"}
    name: Literal["loha"] = "loha"
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

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return rank_misfit(self.rank, outputs, inputs)
