"""OSF: Trains the small singular directions of the weights and protects the large ones."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card, because


class Osf(Targeted):
    """Trains the small singular directions of the weights and protects the large ones.

    Sculpting Subspaces: Constrained Full Fine-Tuning in LLMs for Continual Learning, https://arxiv.org/abs/2504.07097
    """

    card: ClassVar[Card] = Card(
        title="OSF",
        summary="Trains the small singular directions of the weights and protects the large ones.",
        use_when="Learning task after task without forgetting.",
        family="A few of the model's own numbers",
        pros=("Earlier abilities are protected.",),
        cons=("Many parameters and memory; full weights only.",),
        paper="Sculpting Subspaces: Constrained Full Fine-Tuning in LLMs for Continual Learning, https://arxiv.org/abs/2504.07097",
        quantizations=(),
    )
    configuration: ClassVar[str] = "OSFConfig"
    name: Literal["osf"] = "osf"
    effective_rank: int = Field(
        default=16,
        ge=1,
        le=8192,
        description="Directions that are protected.",
        json_schema_extra=because("A fixed number, so that the size does not depend on the layer."),
    )
