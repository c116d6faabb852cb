"""PVeRA: VeRA whose vectors are learned as distributions."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Pvera(Targeted):
    """VeRA whose vectors are learned as distributions."""

    card: ClassVar[Card] = Card(
        title="PVeRA",
        summary="VeRA whose vectors are learned as distributions.",
        use_when="VeRA on few rows.",
        family="Shared or random parts",
        pros=("Less overfitting on few rows than VeRA.",),
        cons=("Noise in training: curves are rougher.",),
    )
    configuration: ClassVar[str] = "PveraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "dropout": "pvera_dropout"}
    name: Literal["pvera"] = "pvera"
    rank: int = Field(
        default=256, ge=1, le=1024, title="Rank (r)", description="Width of the shared random matrices; costs little."
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )
