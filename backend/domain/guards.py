"""Guards: what the trainer looks out for while it trains, and what it does then."""

from typing import Literal

from pydantic import Field

from backend.spec import Frozen, because

Action = Literal["off", "warn", "stop", "roll-back"]
_DO = (
    "warn: say so in journal, log and event file; stop: end the run as finished with the best checkpoint; "
    "roll-back: go back to the last good checkpoint with a lower learning rate."
)


class Guards(Frozen):
    """Checks on every step and evaluation, each with a real action."""

    not_finite: Literal["fail", "stop", "roll-back"] = Field(
        default="roll-back",
        title="Loss not finite",
        description="When a loss or gradient is NaN or infinite. fail: end the run as failed; "
        "stop: end it as finished with the best checkpoint; roll-back: as often as max_rollbacks says, then fail.",
        json_schema_extra=because("A lower learning rate often gets over it, and nothing good is lost."),
    )
    divergence: Action = Field(
        default="warn",
        description=f"When the smoothed loss stays far above its best. {_DO}",
        json_schema_extra=because("A person decides: some losses come back by themselves."),
    )
    divergence_factor: float = Field(
        default=2.0,
        gt=1,
        le=1000,
        description="How far is far: this many times the best smoothed loss.",
        json_schema_extra=because("Noise stays below twice the best; real divergence passes it at once."),
    )
    divergence_steps: int = Field(
        default=20,
        ge=1,
        le=1_000_000,
        description="For how many steps in a row.",
        json_schema_extra=because("Long enough to leave out single bad batches."),
    )
    gradient_explosion: Action = Field(
        default="warn",
        description=f"When the gradient norm jumps far above the running median. {_DO}",
        json_schema_extra=because("Clipping tames single jumps; it is worth knowing of them."),
    )
    gradient_factor: float = Field(
        default=10.0,
        gt=1,
        le=1e6,
        description="How far is far: this many times the median of the last 64 steps.",
        json_schema_extra=because("Normal gradients vary by less."),
    )
    overfitting: Action = Field(
        default="warn",
        description=f"When the evaluation loss rises while the training loss falls. {_DO}",
        json_schema_extra=because("The best checkpoint is kept anyway."),
    )
    overfitting_evaluations: int = Field(
        default=3,
        ge=1,
        le=10_000,
        description="For how many evaluations in a row it rises.",
        json_schema_extra=because("One or two rises may be noise."),
    )
    dead_rate: Literal["off", "warn", "stop"] = Field(
        default="warn",
        title="Dead learning rate",
        description="When steps are too small to change the weights and the loss does not fall either.",
        json_schema_extra=because("Nothing is lost by it but time."),
    )
    dead_rate_steps: int = Field(
        default=100,
        ge=2,
        le=1_000_000,
        description="For how many steps.",
        json_schema_extra=because("Long enough for any warm-up."),
    )
    rollback_rate: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="A roll-back multiplies the learning rate by this.",
        json_schema_extra=because("Half is the usual next try."),
    )
    max_rollbacks: int = Field(
        default=1,
        ge=0,
        le=100,
        description="Roll-backs of one run; one more fails it.",
        json_schema_extra=because("If half the rate does not help, something else is wrong."),
    )
    early_stopping_evaluations: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        title="Early stopping",
        description="End after this many evaluations without a better result; None never ends early.",
        json_schema_extra=because("The run you ordered is the run you get; the best checkpoint is kept in any case."),
    )
    min_delta: float = Field(
        default=0.0,
        ge=0,
        le=1e6,
        description="Early stopping: a smaller gain than this does not count as better.",
        json_schema_extra=because("Every gain counts."),
    )
    keep_best: bool = Field(
        default=True,
        description="Write the adapter from the checkpoint with the best evaluation, not from the last step. "
        "Without validation rows the last step counts.",
        json_schema_extra=because("The last step is rarely the best one on rows that were held out."),
    )
    metric: str = Field(
        default="eval/loss",
        min_length=1,
        max_length=200,
        description="The evaluation curve that says what is better (keep_best, early stopping).",
        json_schema_extra=because("It is measured in every run that has validation rows."),
    )
    metric_goal: Literal["lower", "higher"] = Field(
        default="lower",
        description="Which values of it are better.",
        json_schema_extra=because("A lower loss is a better one; for rewards choose higher."),
    )
