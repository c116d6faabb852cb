"""RoAd: Rotates and scales pairs of a layer's outputs."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Road(Targeted):
    """Rotates and scales pairs of a layer's outputs.

    3-in-1: 2D Rotary Adaptation for Efficient Finetuning, Efficient Batching and Composability, https://arxiv.org/abs/2409.00119
    """

    card: ClassVar[Card] = Card(
        title="RoAd",
        summary="Rotates and scales pairs of a layer's outputs.",
        use_when="Several adapters in one batch; almost no overhead.",
        family="Rotations",
        pros=("Different adapters can share one batch.",),
        cons=("A small change only.",),
        paper="3-in-1: 2D Rotary Adaptation for Efficient Finetuning, Efficient Batching and Composability, https://arxiv.org/abs/2409.00119",
    )
    configuration: ClassVar[str] = "RoadConfig"
    name: Literal["road"] = "road"
    variant: Literal["road_1", "road_2", "road_4"] = Field(
        default="road_1", description="road_2 and road_4 have two and four times the parameters of road_1."
    )
    group_size: int = Field(
        default=64,
        ge=2,
        le=8192,
        description="Outputs whose pairs are formed together; must be even and divide the outputs.",
    )

    def misfit(self, outputs: int, inputs: int) -> str:  # noqa: ARG002 - as in every method
        """Why it cannot go on a layer of this shape."""
        return (
            f"The group size {self.group_size} does not divide its {outputs} outputs."
            if outputs % self.group_size
            else ""
        )
