"""VeRA: Trains two small vectors per layer; the matrices between them are random, shared and frozen."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Vera(Targeted):
    """Trains two small vectors per layer; the matrices between them are random, shared and frozen.

    VeRA: Vector-based Random Matrix Adaptation, https://arxiv.org/abs/2310.11454
    """

    card: ClassVar[Card] = Card(
        title="VeRA",
        summary="Trains two small vectors per layer; the matrices between them are random, shared and frozen.",
        use_when="Very many adapters, or very little memory for each; wants a high rank and learning rate.",
        family="Shared or random parts",
        pros=("A small part of LoRA's parameters.",),
        cons=("Wants high ranks and learning rates.",),
        paper="VeRA: Vector-based Random Matrix Adaptation, https://arxiv.org/abs/2310.11454",
    )
    configuration: ClassVar[str] = "VeraConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "dropout": "vera_dropout", "initial_scale": "d_initial"}
    name: Literal["vera"] = "vera"
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
    initial_scale: float = Field(default=0.1, gt=0, le=100, description="Start of the vector d.")
