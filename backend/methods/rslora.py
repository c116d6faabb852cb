"""rsLoRA: LoRA scaled by alpha / sqrt(rank), which keeps high ranks stable."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.family import DecomposedKnob, LoraFamily, StartKnob
from backend.spec import Card, because


class Rslora(DecomposedKnob, StartKnob, LoraFamily):
    """LoRA scaled by alpha / sqrt(rank), which keeps high ranks stable.

    A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA, https://arxiv.org/abs/2312.03732
    """

    card: ClassVar[Card] = Card(
        title="rsLoRA",
        summary="LoRA scaled by alpha / sqrt(rank), which keeps high ranks stable.",
        use_when="Ranks of 64 and more.",
        family="Low rank",
        pros=("More rank keeps helping where LoRA levels off.",),
        cons=("At low ranks no better than LoRA.",),
        paper="A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA, https://arxiv.org/abs/2312.03732",
    )
    name: Literal["rslora"] = "rslora"
    alpha: float = Field(
        default=16.0,
        gt=0,
        le=4096,
        title="Alpha",
        description="Scale of the adapter; the weight update is multiplied by alpha / sqrt(rank).",
        json_schema_extra=because("As with LoRA, so that the two can be compared."),
    )

    @property
    def is_rank_stabilized(self) -> bool:
        """What the method is."""
        return True
