"""QLoRA: LoRA on base weights in 4-bit."""

from typing import ClassVar, Literal

from backend.methods.family import DecomposedKnob, LoraFamily, RankStabilizedKnob, StartKnob
from backend.spec import Card


class Qlora(DecomposedKnob, RankStabilizedKnob, StartKnob, LoraFamily):
    """LoRA on base weights in 4-bit: NF4 or FP4.

    QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314
    """

    card: ClassVar[Card] = Card(
        title="QLoRA",
        summary="LoRA on base weights in 4-bit, NF4 unless FP4 is chosen.",
        use_when="The model does not fit in memory otherwise.",
        family="Low rank",
        pros=("The base takes about a quarter of the memory.",),
        cons=("Slower steps: weights are unpacked each time.",),
        recommended=True,
        paper="QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314",
        quantizations=("nf4", "fp4"),
    )
    name: Literal["qlora"] = "qlora"
