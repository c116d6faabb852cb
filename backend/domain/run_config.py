"""RunConfig: everything a run is told; immutable; exactly what run.yaml holds."""

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from backend.data.choice import DatasetChoice
from backend.domain.devices import Devices
from backend.domain.fitting import misfit
from backend.domain.guards import Guards
from backend.domain.recipe_fit import reference_problem
from backend.domain.sampling import Samples
from backend.domain.speed import Speed
from backend.domain.speed_fit import sharing_problem
from backend.methods import Lora, Method
from backend.quantization import NoQuantization, Quantization
from backend.recipes import Recipe, Sft
from backend.spec import Frozen, because

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")


class BaseModelChoice(Frozen):
    """Pretrained weights: a folder, a hub id, or "demo" for the model that the studio makes itself."""

    path: str = Field(
        min_length=1,
        title="Base model",
        description="A folder with a model, a hub id such as org/name, or demo.",
    )
    revision: str | None = Field(
        default=None,
        description="Branch, tag or commit on the hub.",
        json_schema_extra=because("None takes the newest; the run writes down which commit that was."),
    )
    trusted_code: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        title="Trusted code",
        description="SHA-256 of the model's own .py files, which lets them run; without it they are refused.",
        json_schema_extra=because("Code of strangers runs only if somebody has read it."),
    )

    @field_validator("path")
    @classmethod
    def _no_nul(cls, value: str) -> str:
        if "\x00" in value:
            raise ValueError("a path cannot contain a NUL character")
        return value


class Training(Frozen):
    """How long, how fast and in which portions. `step` always means one optimizer step."""

    epochs: float = Field(
        default=3.0,
        gt=0,
        le=10_000,
        description="Passes over the training rows; ignored if max_steps is set.",
        json_schema_extra=because("Adapters usually learn a dataset in two to four passes; more tends to overfit."),
    )
    max_steps: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        title="Steps",
        description="Optimizer steps; None trains for `epochs`.",
        json_schema_extra=because("Epochs say it for a dataset of any size."),
    )
    batch_size: int = Field(
        default=4,
        ge=1,
        le=4096,
        description="Rows per micro-batch (one forward and backward).",
        json_schema_extra=because("Fits small GPUs; raise it while memory lasts."),
    )
    gradient_accumulation: int = Field(
        default=1,
        ge=1,
        le=4096,
        description="Micro-batches per optimizer step.",
        json_schema_extra=because("Each micro-batch is a step of its own: nothing waits."),
    )
    learning_rate: float = Field(
        default=2e-4,
        gt=0,
        le=10,
        description="Peak learning rate.",
        json_schema_extra=because(
            "The usual one for LoRA-like adapters; training the weights themselves needs about 1e-5."
        ),
    )
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        default="cosine",
        description="How the learning rate falls after the warm-up.",
        json_schema_extra=because("A slow end settles on a good point; it rarely does worse than the others."),
    )
    warmup_ratio: float = Field(
        default=0.03,
        ge=0,
        lt=1,
        description="Share of the steps in which the learning rate rises from 0.",
        json_schema_extra=because("Adam's first estimates are rough; a short rise keeps the first steps small."),
    )
    weight_decay: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="AdamW weight decay.",
        json_schema_extra=because("Adapters are small and start near zero: pulling them back rarely helps."),
    )
    optimizer: Literal[
        "adamw_torch",
        "adamw_torch_fused",
        "adamw_8bit",
        "paged_adamw_32bit",
        "paged_adamw_8bit",
        "lion_32bit",
        "lion_8bit",
        "paged_lion_8bit",
        "adafactor",
        "sgd",
    ] = Field(
        default="adamw_torch_fused",
        description=(
            "Optimizer. 8bit keeps a quarter of the state (it pays with full fine-tuning), paged moves it to the "
            "computer's memory when the GPU's is short; both are bitsandbytes'."
        ),
        json_schema_extra=because("The same steps as plain AdamW, computed faster."),
    )
    max_grad_norm: float = Field(
        default=1.0,
        ge=0,
        le=1e6,
        description="Gradients are clipped to this norm; 0 switches clipping off.",
        json_schema_extra=because("The common bound: normal steps pass, outliers are tamed."),
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Number format of the computation; auto: bfloat16 where a GPU has it, else float32.",
        json_schema_extra=because("bfloat16 halves memory and keeps float32's range; CPUs are quicker in float32."),
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Recompute activations: less memory, about a third slower.",
        json_schema_extra=because("It costs about a third of the speed: only for when memory is short."),
    )
    max_length: int = Field(
        default=1024,
        ge=8,
        le=1_048_576,
        description="Longer rows are cut, in tokens.",
        json_schema_extra=because("Most answers fit; memory grows with it."),
    )
    seed: int = Field(
        default=42,
        ge=0,
        lt=2**32,
        description="Seed of everything random.",
        json_schema_extra=because("Any number does; the same one makes runs comparable."),
    )
    logging_steps: int = Field(
        default=1,
        ge=1,
        description="Steps between two points of the training curve.",
        json_schema_extra=because("A point costs almost nothing, and none is missing later."),
    )
    eval_steps: int | None = Field(
        default=None,
        ge=1,
        description="Steps between evaluations; None evaluates with each checkpoint and at the end.",
        json_schema_extra=because("Then every checkpoint has its evaluation, and the best one can be kept."),
    )
    save_steps: int = Field(
        default=50,
        ge=1,
        description="Steps between checkpoints.",
        json_schema_extra=because("A crash costs at most this many steps; saving goes on beside the training."),
    )
    keep_checkpoints: int = Field(
        default=2,
        ge=2,
        le=1000,
        description="Checkpoints kept; older ones are deleted.",
        json_schema_extra=because("The last one, and the one before in case it is damaged."),
    )

    @property
    def effective_batch_size(self) -> int:
        """Rows per optimizer step of one process."""
        return self.batch_size * self.gradient_accumulation


class RunConfig(Frozen):
    """The whole order, validated once. What cannot go together is an error here, not in the trainer."""

    schema_version: Literal[1] = 1
    name: str = Field(default="", max_length=200, description="What people call the run.")
    recipe: Recipe = Field(default_factory=Sft)
    base_model: BaseModelChoice
    dataset: DatasetChoice
    method: Method = Field(default_factory=Lora)
    quantization: Quantization = Field(default_factory=NoQuantization)
    training: Training = Field(default_factory=Training)
    speed: Speed = Field(default_factory=Speed)
    guards: Guards = Field(default_factory=Guards)
    samples: Samples = Field(default_factory=Samples)
    devices: Devices = Field(default_factory=Devices)

    @property
    def effective_batch_size(self) -> int:
        """Rows per optimizer step of all processes together."""
        return self.training.effective_batch_size * self.devices.processes

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:  # noqa: ANN401 - raw input of any shape
        """`base_model: demo`, `method: lora`, `dataset: file.jsonl` are short for their first field.

        Settings of a method, recipe or quantization that is not named are those of the default one.
        """
        if not isinstance(value, dict):
            return value
        filled = dict(value)
        for key, first in _FIRST_FIELD.items():
            if isinstance(filled.get(key), str):
                filled[key] = {first: filled[key]}
        method = filled.get("method")
        name = method.get("name") if isinstance(method, dict) else getattr(method, "name", None)
        if name == "qlora" and filled.get("quantization") is None:
            filled["quantization"] = {"name": "nf4"}
        for key, default in (*_DEFAULT_NAME.items(), ("quantization", "nf4" if name == "qlora" else "none")):
            if isinstance(filled.get(key), dict) and "name" not in filled[key]:
                filled[key] = {"name": default, **filled[key]}
        return {key: item for key, item in filled.items() if item is not None}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        training = self.training
        problem = (
            misfit(self.method, self.quantization, training.precision, training.optimizer)
            or reference_problem(self.recipe, self.method)
            or sharing_problem(self.speed, self.devices)
            or self.recipe.batch_problem(
                batch_size=training.batch_size,
                gradient_accumulation=training.gradient_accumulation,
                max_length=training.max_length,
            )
        )
        if problem:
            raise ValueError(problem)
        return self


_DEFAULT_NAME = {"method": "lora", "recipe": "sft"}
_FIRST_FIELD = {
    "base_model": "path",
    "dataset": "path",
    "method": "name",
    "quantization": "name",
    "recipe": "name",
}
