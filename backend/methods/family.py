"""What all LoRA-like methods share: rank, alpha, dropout, where the adapter goes, how it starts and learns."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from backend.methods.base import Found, Targeted, rank_misfit
from backend.spec import Spec, because

if TYPE_CHECKING:
    from peft import LoraConfig

Start = Literal["default", "gaussian", "orthogonal", "pissa", "olora", "mica", "corda", "lora_ga", "eva", "loftq"]
MOVES_WEIGHTS: frozenset[Start] = frozenset({"pissa", "olora", "corda", "lora_ga"})
NEEDS_ROWS: frozenset[Start] = frozenset({"corda", "lora_ga", "eva"})
NEEDS_FULL_WEIGHTS: frozenset[Start] = MOVES_WEIGHTS | {"mica", "orthogonal"}
LARGEST = 4096  # of ranks and alphas by layer
START_HELP = (
    "How the adapter starts. default: random A and B = 0. pissa, olora: from the weights' own main directions. "
    "mica: from their least used ones, only A learns. eva: from what the layers read in your rows, which also shares "
    "out the ranks. corda: from weights and rows together. lora_ga: like the first step of full fine-tuning. "
    "loftq: makes up for what nf4 lost. gaussian, orthogonal: other random starts."
)


class LoraFamily(Targeted):
    """Low-rank adaptation: W + (alpha / rank) B A (Hu et al., 2021, arXiv:2106.09685)."""

    configuration: ClassVar[str] = "LoraConfig"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
        json_schema_extra=because("Enough for most styles and tasks; raise it if the loss stays high."),
    )
    alpha: float = Field(
        default=16.0,
        gt=0,
        le=4096,
        title="Alpha",
        description="Scale of the adapter; the weight update is multiplied by alpha / rank.",
        json_schema_extra=because("Twice the rank is the usual scale."),
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
        json_schema_extra=because("Few epochs on enough rows need none; try 0.05 to 0.1 if it overfits."),
    )
    bias: Literal["none", "all", "lora_only"] = Field(
        default="none", title="Bias", description="Which bias vectors are trained too."
    )
    rank_pattern: Mapping[str, int] = Field(
        default_factory=dict, title="Ranks by layer", description="Other ranks for some layers: q_proj=16."
    )
    alpha_pattern: Mapping[str, float] = Field(
        default_factory=dict, title="Alphas by layer", description="Other alphas for some layers: q_proj=32."
    )
    trainable_tokens: tuple[str, ...] = Field(
        default=(),
        title="Trainable tokens",
        description="Tokens of the vocabulary whose embeddings are learned too, such as ones that were added.",
        json_schema_extra=because("Most tasks add no words."),
    )
    alora_invocation: str = Field(
        default="",
        max_length=1000,
        title="aLoRA invocation",
        description="The adapter works only behind this text (Activated LoRA, arXiv:2504.12397); it cannot be merged.",
        json_schema_extra=because("An adapter usually works everywhere, and merges."),
    )
    lora_plus_ratio: float | None = Field(
        default=None,
        ge=1,
        le=1000,
        title="LoRA+ ratio",
        description="B learns this many times faster than A (LoRA+, arXiv:2402.12354), often 16; empty for equally.",
        json_schema_extra=because("One learning rate is easier to find."),
    )
    lora_fa: bool = Field(
        default=False,
        title="LoRA-FA",
        description="Only B learns, with corrected gradients (LoRA-FA, arXiv:2308.03303): less optimizer memory.",
        json_schema_extra=because("Training both matrices learns more."),
    )

    @property
    def start(self) -> Start:
        """How the adapter starts."""
        return "default"

    @property
    def is_decomposed(self) -> bool:
        """Whether magnitudes are trained apart (DoRA)."""
        return False

    @property
    def is_rank_stabilized(self) -> bool:
        """Whether the update is multiplied by alpha / sqrt(rank) (rsLoRA)."""
        return False

    @property
    def num_calibration_rows(self) -> int:
        """Training rows that the start looks at."""
        return 0

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _are_names_and_positive(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for name, number in value.items():
            if not name.replace("_", "a").replace(".", "a").isalnum():
                raise ValueError(f'"{name}" is no name of a layer')
            if not 0 < number <= LARGEST:
                raise ValueError(f"{name} has {number}; it must be above 0 and at most {LARGEST}")
        return value

    @model_validator(mode="after")
    def _modifiers_fit(self) -> Self:
        for is_wrong, why in self._contradictions():
            if is_wrong:
                raise ValueError(why)
        return self

    def _contradictions(self) -> tuple[tuple[bool, str], ...]:
        moves, invoked = self.start in MOVES_WEIGHTS, bool(self.alora_invocation)
        return (
            (self.lora_fa and self.lora_plus_ratio is not None, "lora_fa trains B only: remove lora_plus_ratio"),
            (self.lora_fa and self.is_decomposed, "lora_fa knows no magnitudes: it does not go with DoRA"),
            (self.lora_fa and self.start == "mica", "mica trains A only and lora_fa B only: choose one"),
            (self.is_decomposed and self.start == "mica", "mica does not go with DoRA"),
            (invoked and self.is_decomposed, "alora_invocation does not go with DoRA"),
            (invoked and self.start != "default", "alora_invocation needs init default"),
            (self.start == "eva" and bool(self.rank_pattern), "eva shares out the ranks itself: remove rank_pattern"),
            (self.start == "orthogonal" and self.rank % 2 == 1, "init orthogonal needs an even rank"),
            (moves and self.bias == "all", f"init {self.start} does not go with bias all: use lora_only"),
        )

    def peft_config(self, head: Literal["language", "score"] = "language", found: Found | None = None) -> "LoraConfig":
        """The peft configuration that this choice stands for; imports peft."""
        from peft import LoraConfig

        config = super().peft_config(head, found)
        assert isinstance(config, LoraConfig)
        return config

    def peft_options(self) -> dict[str, Any]:
        """The knobs in peft's words."""
        return {
            "r": self.rank,
            "lora_alpha": self.alpha,  # peft divides it by r; a float is fine
            "lora_dropout": self.dropout,
            "bias": self.bias,
            "rank_pattern": dict(self.rank_pattern),
            "alpha_pattern": dict(self.alpha_pattern),
            "use_rslora": self.is_rank_stabilized,
            "use_dora": self.is_decomposed,
        } | self._start_options()

    def _start_options(self) -> dict[str, Any]:
        from peft.tuners.lora.config import CordaConfig, EvaConfig, LoraGAConfig

        match self.start:
            case "default" | "loftq":  # LoftQ's start is computed on the quantized model, see trainer/starts.py
                return {"init_lora_weights": True}
            case "corda":
                return {"init_lora_weights": "corda", "corda_config": CordaConfig()}
            case "lora_ga":
                return {"init_lora_weights": "lora_ga", "lora_ga_config": LoraGAConfig()}
            case "eva":
                return {"init_lora_weights": "eva", "eva_config": EvaConfig()}
            case _:
                return {"init_lora_weights": self.start}

    def found_options(self, found: Found) -> dict[str, Any]:
        """The layers and token ids that were looked up."""
        options = super().found_options(found)
        if found.invocation:
            options["alora_invocation_tokens"] = list(found.invocation)
        if found.tokens:
            options["trainable_token_indices"] = list(found.tokens)
        return options

    def misfit(self, outputs: int, inputs: int) -> str:
        """A rank beyond the layer's own is refused: it would cost memory and add nothing."""
        return rank_misfit(self.rank, outputs, inputs)


class RankStabilizedKnob(Spec):
    """The choice of rsLoRA's scale."""

    use_rslora: bool = Field(
        default=False,
        title="rsLoRA",
        description="Multiply the update by alpha / sqrt(rank): steady at high ranks (arXiv:2312.03732).",
    )

    @property
    def is_rank_stabilized(self) -> bool:
        """Whether the update is multiplied by alpha / sqrt(rank) (rsLoRA)."""
        return self.use_rslora


class DecomposedKnob(Spec):
    """The choice of DoRA's magnitudes."""

    use_dora: bool = Field(
        default=False,
        title="DoRA",
        description="Train the weights' magnitudes apart (arXiv:2402.09353); slower.",
    )

    @property
    def is_decomposed(self) -> bool:
        """Whether magnitudes are trained apart (DoRA)."""
        return self.use_dora


class StartKnob(Spec):
    """The choice of a start."""

    init: Start = Field(
        default="default",
        title="Start",
        description=START_HELP,
        json_schema_extra=because("B = 0: training begins exactly at the base model."),
    )
    calibration_rows: int = Field(
        default=32,
        ge=1,
        le=4096,
        title="Calibration rows",
        description="The first training rows that eva, corda and lora_ga look at before they start.",
        json_schema_extra=because("Enough to see what the layers read; more takes longer to begin."),
    )

    @property
    def start(self) -> Start:
        """How the adapter starts."""
        return self.init

    @property
    def num_calibration_rows(self) -> int:
        """Training rows that the start looks at."""
        return self.calibration_rows if self.init in NEEDS_ROWS else 0
