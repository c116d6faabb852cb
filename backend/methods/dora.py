"""DoRA: Trains direction (as LoRA) and magnitude of the weights apart."""

from typing import Any, ClassVar, Literal

from backend.methods.family import LoraFamily
from backend.spec import Card


class Dora(LoraFamily):
    """Trains direction (as LoRA) and magnitude of the weights apart.

    DoRA: Weight-Decomposed Low-Rank Adaptation, https://arxiv.org/abs/2402.09353
    """

    card: ClassVar[Card] = Card(
        title="DoRA",
        summary="Trains direction (as LoRA) and magnitude of the weights apart.",
        use_when="Low ranks, or when LoRA stays behind full fine-tuning; about a third slower.",
        recommended=False,
        paper="DoRA: Weight-Decomposed Low-Rank Adaptation, https://arxiv.org/abs/2402.09353",
    )
    name: Literal["dora"] = "dora"

    def peft_options(self) -> dict[str, Any]:
        """What this method adds to plain LoRA, in peft's words."""
        return {"use_dora": True}
