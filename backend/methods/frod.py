"""FRoD: Full-rank updates from shared, frozen rotations with learned sparse factors."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Frod(Targeted):
    """Full-rank updates from shared, frozen rotations with learned sparse factors."""

    card: ClassVar[Card] = Card(
        title="FRoD",
        summary="Full-rank updates from shared, frozen rotations with learned sparse factors.",
        use_when="LoRA's rank is too small for the task.",
        family="Shared or random parts",
        pros=("An update of full rank from few numbers.",),
        cons=("A decomposition before the first step; full weights only.",),
        quantizations=(),
    )
    configuration: ClassVar[str] = "FrodConfig"
    words: ClassVar[Mapping[str, str]] = {"dropout": "frod_dropout"}
    name: Literal["frod"] = "frod"
    sparse_rate: float = Field(default=0.01, gt=0, le=1, description="Share of factors that are learned.")
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )

    def peft_options(self) -> dict[str, Any]:
        """The knobs in peft's words."""
        return super().peft_options() | {"progressbar": False}
