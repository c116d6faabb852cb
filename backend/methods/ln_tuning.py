"""LN tuning: Trains the normalization layers only."""

from typing import ClassVar, Literal

from backend.methods.base import PeftMethod, Targets
from backend.spec import Card


class LnTuning(PeftMethod):
    """Trains the normalization layers only.

    Tuning LayerNorm in Attention: Towards Efficient Multi-Modal LLM Finetuning, https://arxiv.org/abs/2312.11420
    """

    card: ClassVar[Card] = Card(
        title="LN tuning",
        summary="Trains the normalization layers only.",
        use_when="A first cheap step, or a change of style.",
        family="A few of the model's own numbers",
        pros=("Cheap and hard to break.",),
        cons=("A change of tone rather than of knowledge.",),
        paper="Tuning LayerNorm in Attention: Towards Efficient Multi-Modal LLM Finetuning, https://arxiv.org/abs/2312.11420",
    )
    configuration: ClassVar[str] = "LNTuningConfig"
    targets: ClassVar[Targets] = "norms"
    name: Literal["ln_tuning"] = "ln_tuning"
