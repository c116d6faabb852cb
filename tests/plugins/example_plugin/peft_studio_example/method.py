"""A method: LoRA on the attention alone."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from backend.methods import Lora
from backend.spec import Card


class AttentionLora(Lora):
    """LoRA on the projections of the attention; it trains, resumes and merges like LoRA."""

    card: ClassVar[Card] = Card(
        title="LoRA on attention",
        summary="Trains LoRA's matrices beside the attention only.",
        use_when="A small adapter is wanted, and the task needs no new knowledge.",
    )
    name: Literal["attention_lora"] = "attention_lora"
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        default=("q_proj", "v_proj"), title="Target modules", description="Names of the attention's layers."
    )
    start_scale: float = Field(
        default=1.0, gt=0, le=10, title="Scale", description="Multiplies alpha, and with it what the adapter adds."
    )
    own: ClassVar[frozenset[str]] = Lora.own | {"start_scale"}

    def peft_options(self) -> dict[str, Any]:
        """In peft's words."""
        options = super().peft_options()
        return options | {"lora_alpha": options["lora_alpha"] * self.start_scale}
