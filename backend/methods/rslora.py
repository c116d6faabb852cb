"""rsLoRA: LoRA scaled by alpha / sqrt(rank), which keeps high ranks stable."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from backend.methods.family import LoraFamily
from backend.spec import Card


class Rslora(LoraFamily):
    """LoRA scaled by alpha / sqrt(rank), which keeps high ranks stable.

    A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA, https://arxiv.org/abs/2312.03732
    """

    card: ClassVar[Card] = Card(
        title="rsLoRA",
        summary="LoRA scaled by alpha / sqrt(rank), which keeps high ranks stable.",
        use_when="Ranks of 64 and more.",
        recommended=False,
        paper="A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA, https://arxiv.org/abs/2312.03732",
    )
    name: Literal["rslora"] = "rslora"
    alpha: float = Field(
        default=16.0,
        gt=0,
        le=4096,
        title="Alpha",
        description="Scale of the adapter; the weight update is multiplied by alpha / sqrt(rank).",
    )

    def peft_options(self) -> dict[str, Any]:
        """What this method adds to plain LoRA, in peft's words."""
        return {"use_rslora": True}
