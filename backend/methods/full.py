"""Full fine-tuning: every weight of the model is trained."""

from typing import ClassVar, Literal

from backend.methods.whole import WholeMethod
from backend.spec import Card


class Full(WholeMethod):
    """Every weight of the model is trained: the baseline that adapters are measured by."""

    card: ClassVar[Card] = Card(
        title="Full fine-tuning",
        summary="Trains every weight of the model; the result is a whole model, not an adapter.",
        use_when="Much data and much memory: about four times that of the weights, and a learning rate near 1e-5.",
        family="The model itself",
        pros=("Nothing can learn more: the measure for all others.",),
        cons=("About four times the weights in memory; forgets most easily.",),
        can_merge=False,
        quantizations=(),
    )
    name: Literal["full"] = "full"

    def is_trained(self, name: str, num_blocks: int) -> bool:  # noqa: ARG002 - all are
        """Every one."""
        return True
