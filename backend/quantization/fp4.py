"""FP4: base weights in 4-bit floating point."""

from typing import ClassVar, Literal

from backend.quantization.four_bit import FourBit
from backend.spec import Card


class Fp4(FourBit):
    """4-bit floating point through bitsandbytes (Dettmers et al., 2023, arXiv:2305.14314)."""

    card: ClassVar[Card] = Card(
        title="FP4 (4 bit)",
        summary="Base weights in 4-bit floating point: as small as NF4.",
        use_when="NF4 is to be compared with; NF4 is usually closer to the full weights.",
        paper="QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314",
    )
    kind: ClassVar[Literal["nf4", "fp4"]] = "fp4"
    name: Literal["fp4"] = "fp4"
