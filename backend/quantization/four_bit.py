"""What the 4-bit formats of bitsandbytes share."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from backend.spec import Spec


class FourBit(Spec):
    """Base weights in blocks of 4-bit numbers with a scale each."""

    kind: ClassVar[Literal["nf4", "fp4"]]
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
            bnb_4bit_quant_type=self.kind,
            bnb_4bit_use_double_quant=self.double,
            bnb_4bit_compute_dtype=compute,
        )
        return {"quantization_config": config}


def keep_as_loaded(model: Any) -> None:  # noqa: ANN401 - a torch module, and torch is not imported here
    """Let no layer rewrite its 4-bit weights. Layers of other formats are left alone.

    On CPUs with AVX512-BF16 bitsandbytes does that in the first forward pass outside of training: scales are
    rounded to bfloat16, which changes what is trained on after an evaluation, and narrow layers fail.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
