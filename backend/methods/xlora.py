"""X-LoRA: A learned mixture of finished LoRA adapters."""

from typing import ClassVar, Literal

from backend.methods.base import PeftMethod
from backend.spec import Card


class Xlora(PeftMethod):
    """A learned mixture of finished LoRA adapters.

    X-LoRA: Mixture of Low-Rank Adapter Experts, https://arxiv.org/abs/2402.07148
    """

    card: ClassVar[Card] = Card(
        title="X-LoRA",
        summary="A learned mixture of finished LoRA adapters.",
        use_when="Several adapters are there already.",
        family="Several adapters",
        pros=("Uses adapters that are there already.",),
        cons=("Nothing without finished adapters.",),
        paper="X-LoRA: Mixture of Low-Rank Adapter Experts, https://arxiv.org/abs/2402.07148",
        can_merge=False,
        unavailable="It mixes finished adapters of the base model; a run starts from the base model alone.",
        quantizations=(),
    )
    configuration: ClassVar[str] = "XLoraConfig"
    name: Literal["xlora"] = "xlora"
