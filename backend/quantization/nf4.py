"""NF4: base weights in 4-bit NormalFloat, the number format of QLoRA."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.spec import Card, Spec


class Nf4(Spec):
    """4-bit NormalFloat through bitsandbytes (Dettmers et al., 2023, arXiv:2305.14314)."""

    card: ClassVar[Card] = Card(
        title="NF4 (4 bit)",
        summary="Base weights in 4-bit NormalFloat: about a quarter of the memory of bfloat16.",
        use_when="The model does not fit otherwise.",
        paper="QLoRA: Efficient Finetuning of Quantized LLMs, https://arxiv.org/abs/2305.14314",
    )
    name: Literal["nf4"] = "nf4"
    double: bool = Field(
        default=True,
        title="Double quantization",
        description="Quantize the scales too: saves 0.4 bit per weight.",
    )
    compute: Literal["auto", "bfloat16", "float32"] = Field(
        default="auto",
        title="Compute type",
        description="The type that 4-bit weights are expanded to; auto follows the run's precision.",
    )

    def load_options(self, precision: str) -> dict[str, object]:
        """What `from_pretrained` is told; `precision` is a torch dtype name such as "bfloat16"."""
        import torch
        from transformers import BitsAndBytesConfig

        compute = getattr(torch, precision if self.compute == "auto" else self.compute)
        config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=self.double,
            bnb_4bit_compute_dtype=compute,
        )
        return {"quantization_config": config}
