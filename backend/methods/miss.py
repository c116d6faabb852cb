"""MiSS: One small trained matrix, expanded over the inputs by sharing its shards."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Miss(Targeted):
    """One small trained matrix, expanded over the inputs by sharing its shards.

    MiSS: Balancing LoRA Performance and Efficiency with Simple Shard Sharing, https://arxiv.org/abs/2409.15371
    """

    card: ClassVar[Card] = Card(
        title="MiSS",
        summary="One small trained matrix, expanded over the inputs by sharing its shards.",
        use_when="Faster and leaner than LoRA at about its quality.",
        family="Low rank",
        pros=("Leaner and faster than LoRA.",),
        cons=("Young: fewer tools read it.",),
        paper="MiSS: Balancing LoRA Performance and Efficiency with Simple Shard Sharing, https://arxiv.org/abs/2409.15371",
    )
    configuration: ClassVar[str] = "MissConfig"
    words: ClassVar[Mapping[str, str]] = {"rank": "r", "dropout": "miss_dropout"}
    name: Literal["miss"] = "miss"
    rank: int = Field(default=64, ge=1, le=1024, title="Rank (r)", description="Width of the shared matrix.")
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        title="Dropout",
        description="Share of adapter inputs set to zero while training, against overfitting.",
    )

    def misfit(self, outputs: int, inputs: int) -> str:  # noqa: ARG002 - as in every method
        """Why it cannot go on a layer of this shape."""
        return f"The rank {self.rank} is larger than its {inputs} inputs." if self.rank > inputs else ""
