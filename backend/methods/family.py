"""What all LoRA-like methods share: rank, alpha, dropout and where the adapter goes."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from backend.spec import Spec

if TYPE_CHECKING:
    from peft import LoraConfig

TARGETS_HELP = (
    'Names of linear layers ("q_proj", "v_proj"), or "all-linear" for each one but the output head. '
    "Names are looked up in the model; one that does not exist is an error."
)


class LoraFamily(Spec):
    """Low-rank adaptation: W + (alpha / rank) B A (Hu et al., 2021, arXiv:2106.09685)."""

    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
    alpha: float = Field(
        default=16.0,
        gt=0,
        le=4096,
        title="Alpha",
        description="Scale of the adapter; the weight update is multiplied by alpha / rank.",
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        default="all-linear", title="Target modules", description=TARGETS_HELP
    )
    bias: Literal["none", "all", "lora_only"] = Field(
        default="none", title="Bias", description="Which bias vectors are trained too."
    )

    @field_validator("target_modules")
    @classmethod
    def _not_empty(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not value:
            raise ValueError('name at least one module, or use "all-linear"')
        return value

    def peft_config(self, *, head: Literal["language", "score"] = "language") -> "LoraConfig":
        """The peft configuration that this choice stands for; imports peft. A score head is trained whole."""
        from peft import LoraConfig

        targets = self.target_modules if isinstance(self.target_modules, str) else list(self.target_modules)
        return LoraConfig(
            task_type="CAUSAL_LM" if head == "language" else "SEQ_CLS",
            r=self.rank,
            lora_alpha=self.alpha,  # type: ignore[arg-type] # peft divides it by r; a float is fine
            lora_dropout=self.dropout,
            target_modules=targets,
            bias=self.bias,
            **self.peft_options(),
        )

    def peft_options(self) -> dict[str, Any]:
        """What this method adds to plain LoRA, in peft's words."""
        return {}
