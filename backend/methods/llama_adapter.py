"""LLaMA-Adapter: Learned prompts inside attention, faded in by a gate."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import PeftMethod
from backend.spec import Card, because


class LlamaAdapter(PeftMethod):
    """Learned prompts inside attention, faded in by a gate.

    LLaMA-Adapter: Efficient Fine-tuning of Language Models with Zero-init Attention, https://arxiv.org/abs/2303.16199
    """

    card: ClassVar[Card] = Card(
        title="LLaMA-Adapter",
        summary="Learned prompts inside attention, faded in by a gate.",
        use_when="Instruction tuning of Llama.",
        model_types=("llama", "mistral", "gpt2"),
        family="Prompts",
        pros=("Starts exactly as the base answers.",),
        cons=("Few architectures; cannot be merged.",),
        paper="LLaMA-Adapter: Efficient Fine-tuning of Language Models with Zero-init Attention, https://arxiv.org/abs/2303.16199",
        can_merge=False,
        limits="Llama, Mistral and GPT-2 only: peft 0.21 says 'Unsupported model type' of others.",
    )
    configuration: ClassVar[str] = "AdaptionPromptConfig"
    words: ClassVar[Mapping[str, str]] = {"tokens": "adapter_len", "layers": "adapter_layers"}
    name: Literal["llama_adapter"] = "llama_adapter"
    tokens: int = Field(
        default=10,
        ge=1,
        le=4096,
        description="Learned tokens per layer.",
        json_schema_extra=because("As in the method's paper."),
    )
    layers: int = Field(
        default=2,
        ge=1,
        le=1024,
        description="Number of last blocks that get them.",
        json_schema_extra=because("The last layers decide most about the answer."),
    )
