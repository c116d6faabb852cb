"""PiSSA: LoRA started from the principal singular vectors of the weights."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from backend.methods.family import DecomposedKnob, LoraFamily, RankStabilizedKnob, Start
from backend.spec import Card, because


class Pissa(DecomposedKnob, RankStabilizedKnob, LoraFamily):
    """LoRA started from the principal singular vectors of the weights.

    PiSSA: Principal Singular Values and Singular Vectors Adaptation, https://arxiv.org/abs/2404.02948
    The finished adapter is converted to plain LoRA of twice the rank, which fits the untouched base model.
    """

    card: ClassVar[Card] = Card(
        title="PiSSA",
        summary="LoRA started from the principal singular vectors of the weights.",
        use_when="You want faster convergence than LoRA and have no quantized base.",
        family="Low rank",
        pros=("Learns faster in the first steps.",),
        cons=("A decomposition of every weight before the first step.",),
        paper="PiSSA: Principal Singular Values and Singular Vectors Adaptation, https://arxiv.org/abs/2404.02948",
        quantizations=(),
    )
    name: Literal["pissa"] = "pissa"
    svd_iterations: int = Field(
        default=16,
        ge=0,
        le=128,
        title="SVD iterations",
        description="Rounds of the fast decomposition; 0 takes the exact one, slow for large models.",
        json_schema_extra=because("As in peft's examples: the quick decomposition is close enough."),
    )

    @property
    def start(self) -> Start:
        """What the method is."""
        return "pissa"

    def _start_options(self) -> dict[str, Any]:
        fast = f"pissa_niter_{self.svd_iterations}"
        return {"init_lora_weights": fast if self.svd_iterations else "pissa"}
