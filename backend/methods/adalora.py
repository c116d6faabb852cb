"""AdaLoRA: LoRA that moves its rank to where it matters while it trains."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from backend.methods.base import Targeted, rank_misfit
from backend.spec import Card, because


class Adalora(Targeted):
    """LoRA that moves its rank to where it matters while it trains.

    AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning, https://arxiv.org/abs/2303.10512
    Phases are shares of the run, because its length in steps is known only when it starts.
    """

    card: ClassVar[Card] = Card(
        title="AdaLoRA",
        summary="LoRA that moves its rank to where it matters while it trains.",
        use_when="The adapter must be small and you do not know which layers need it; some hundred steps at least.",
        family="Low rank",
        pros=("Spends its rank where it matters.",),
        cons=("Needs some hundred steps, whose number is fixed.",),
        paper="AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning, "
        "https://arxiv.org/abs/2303.10512",
    )
    configuration: ClassVar[str] = "AdaLoraConfig"
    name: Literal["adalora"] = "adalora"
    first_rank: int = Field(
        default=12,
        ge=1,
        le=1024,
        title="First rank",
        description="Rank of each layer at first.",
        json_schema_extra=because("Half as much again as the rank: there is something to take away."),
    )
    rank: int = Field(default=8, ge=1, le=1024, title="Rank (r)", description="Mean rank that is left at the end.")
    alpha: float = Field(
        default=32.0,
        gt=0,
        le=4096,
        description="Scale of the adapter.",
        json_schema_extra=because("As with LoRA, a strong start."),
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of adapter inputs set to zero while training.",
        json_schema_extra=because("Ranks that are taken away are regularization already."),
    )
    warmup_share: float = Field(
        default=0.1,
        ge=0,
        lt=0.5,
        description="Share of the steps before any rank is taken away.",
        json_schema_extra=because("Importance is known only after some steps."),
    )
    final_share: float = Field(
        default=0.2,
        ge=0,
        lt=0.5,
        description="Share of the steps at the end in which the ranks stay.",
        json_schema_extra=because("The last steps train with the ranks that stay."),
    )
    interval: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Steps between two changes of ranks.",
        json_schema_extra=because("The finest schedule; it costs little."),
    )
    beta1: float = Field(default=0.85, gt=0, lt=1, description="Smoothing of the importance.")
    beta2: float = Field(default=0.85, gt=0, lt=1, description="Smoothing of the importance's uncertainty.")
    orthogonality: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="Weight of the loss that keeps the directions apart.",
        json_schema_extra=because("As in peft (orth_reg_weight): directions stay apart without ruling the loss."),
    )

    @model_validator(mode="after")
    def _shrinks(self) -> Self:
        if self.first_rank < self.rank:
            raise ValueError("first_rank must be at least rank: ranks are only taken away")
        return self

    def phases(self, total_steps: int) -> tuple[int, int]:
        """Steps before the first change of ranks, and steps behind the last one; a change is always left."""
        before = min(int(self.warmup_share * total_steps), max(total_steps - 2, 0))
        return before, min(int(self.final_share * total_steps), max(total_steps - before - 1, 0))

    def peft_options(self) -> dict[str, Any]:
        """The knobs in peft's words; the steps are set when the run begins."""
        return {
            "init_r": self.first_rank,
            "target_r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "deltaT": self.interval,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "orth_reg_weight": self.orthogonality,
            "total_step": 2**31,
        }

    def misfit(self, outputs: int, inputs: int) -> str:
        """A rank beyond the layer's own is refused."""
        return rank_misfit(self.first_rank, outputs, inputs)
