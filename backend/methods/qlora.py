"""QLoRA: LoRA on base weights in 4-bit NF4."""

from typing import ClassVar, Literal

from backend.methods.family import LoraFamily
from backend.spec import Card


class Qlora(LoraFamily):
    """LoRA on base weights in 4-bit NF4.

    QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314
    """

    card: ClassVar[Card] = Card(
        title="QLoRA",
        summary="LoRA on base weights in 4-bit NF4.",
        use_when="The model does not fit in memory otherwise.",
        recommended=True,
        paper="QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314",
    )
    name: Literal["qlora"] = "qlora"
