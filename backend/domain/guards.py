"""Guards: what the trainer looks out for while it trains, and what it does then."""

from pydantic import Field

from backend.spec import Frozen


class Guards(Frozen):
    """Checks on every step and evaluation, each with a real action."""

    early_stopping_evaluations: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        title="Early stopping",
        description="End after this many evaluations without a better eval loss; None never ends early.",
    )
