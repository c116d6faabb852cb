"""A quantization: NF4 whose scales are not quantized."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.quantization import Nf4
from backend.spec import Card


class PlainNf4(Nf4):
    """Every method that trains on nf4 trains on it."""

    card: ClassVar[Card] = Card(
        title="NF4, plain", summary="4-bit weights with exact scales.", use_when="A little more precision is wanted."
    )
    name: Literal["nf4_plain"] = "nf4_plain"
    double: bool = Field(default=False, title="Double quantization", description="Quantize the scales too.")
