"""NF4: base weights in 4-bit NormalFloat, the number format of QLoRA."""

from typing import ClassVar, Literal

from backend.quantization.four_bit import FourBit
from backend.spec import Card


class Nf4(FourBit):
    """4-bit NormalFloat through bitsandbytes (Dettmers et al., 2023, arXiv:2305.14314)."""

    card: ClassVar[Card] = Card(
        title="NF4 (4 bit)",
        summary="Base weights in 4-bit NormalFloat: about a quarter of the memory of bfloat16.",
        use_when="The model does not fit otherwise.",
        paper="QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314",
    )
    kind: ClassVar[Literal["nf4", "fp4"]] = "nf4"
    name: Literal["nf4"] = "nf4"
