"""DoRA: Trains direction (as LoRA) and magnitude of the weights apart."""

from typing import ClassVar, Literal

from backend.methods.family import LoraFamily, RankStabilizedKnob, StartKnob
from backend.spec import Card


class Dora(RankStabilizedKnob, StartKnob, LoraFamily):
    """Trains direction (as LoRA) and magnitude of the weights apart.

    DoRA: Weight-Decomposed Low-Rank Adaptation, https://arxiv.org/abs/2402.09353
    """

    card: ClassVar[Card] = Card(
        title="DoRA",
        summary="Trains direction (as LoRA) and magnitude of the weights apart.",
        use_when="Low ranks, or when LoRA stays behind full fine-tuning; about a third slower.",
        family="Low rank",
        pros=("Often closer to full fine-tuning at low ranks.",),
        cons=("About a third slower than LoRA.",),
        paper="DoRA: Weight-Decomposed Low-Rank Adaptation, https://arxiv.org/abs/2402.09353",
        quantizations=("nf4", "fp4"),
    )
    name: Literal["dora"] = "dora"

    @property
    def is_decomposed(self) -> bool:
        """What the method is."""
        return True
