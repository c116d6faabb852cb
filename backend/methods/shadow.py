"""Shadow: A small network runs beside the model and corrects its layers."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Shadow(Targeted):
    """A small network runs beside the model and corrects its layers."""

    card: ClassVar[Card] = Card(
        title="Shadow",
        summary="A small network runs beside the model and corrects its layers.",
        use_when="The base should not be differentiated.",
        family="Several adapters",
        pros=("No gradients through the base.",),
        cons=("Fails on today's models with this version of peft.",),
        unavailable="peft 0.21 fails on these models: 'ShadowCarrier' object has no attribute 'view'.",
        quantizations=(),
        can_merge=False,
    )
    configuration: ClassVar[str] = "ShadowConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r"}
    name: Literal["shadow"] = "shadow"
    rank: int = Field(
        default=8,
        ge=1,
        le=1024,
        title="Rank (r)",
        description="Width of the adapter. More learns more and takes more memory.",
    )
