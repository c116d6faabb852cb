"""Supertuning: Trains the largest weights themselves and leaves all others."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Supertuning(Targeted):
    """Trains the largest weights themselves and leaves all others."""

    card: ClassVar[Card] = Card(
        title="Supertuning",
        summary="Trains the largest weights themselves and leaves all others.",
        use_when="Few weights should change.",
        family="A few of the model's own numbers",
        pros=("Few weights change.",),
        cons=("Full weights only; young and little tried.",),
        quantizations=(),
    )
    configuration: ClassVar[str] = "SupertuningConfig"
    name: Literal["supertuning"] = "supertuning"
    sparsity: float = Field(default=0.99, gt=0, lt=1, description="Share of weights that stay as they are.")
