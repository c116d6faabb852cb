"""INT8: base weights in 8-bit integers, with outliers kept apart."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.spec import Card, Spec


class Int8(Spec):
    """LLM.int8() through bitsandbytes (Dettmers et al., 2022, arXiv:2208.07339)."""

    card: ClassVar[Card] = Card(
        title="INT8 (8 bit)",
        summary="Base weights in 8-bit integers: half the memory of bfloat16.",
        use_when="The model nearly fits, and 4 bits lose too much.",
        paper="LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale, https://arxiv.org/abs/2208.07339",
    )
    name: Literal["int8"] = "int8"
    threshold: float = Field(
        default=6.0,
        ge=0,
        le=1000,
        title="Outlier threshold",
        description="Inputs of at least this size are multiplied in full precision; 0 treats all alike.",
    )

    def load_options(self, precision: str) -> dict[str, object]:  # noqa: ARG002 - as in every quantization
        """What `from_pretrained` is told, whatever the precision."""
        from transformers import BitsAndBytesConfig

        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=self.threshold)  # type: ignore[no-untyped-call]
        return {"quantization_config": config}
