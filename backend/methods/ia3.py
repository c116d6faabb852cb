"""IA3: Learns one factor per neuron of keys, values and feed-forward outputs."""

from typing import ClassVar, Literal

from backend.methods.base import PeftMethod, Targets
from backend.spec import Card


class Ia3(PeftMethod):
    """Learns one factor per neuron of keys, values and feed-forward outputs.

    Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning, https://arxiv.org/abs/2205.05638
    """

    card: ClassVar[Card] = Card(
        title="IA3",
        summary="Learns one factor per neuron of keys, values and feed-forward outputs.",
        use_when="Few rows and very small adapters; wants a high learning rate such as 1e-2.",
        family="A few of the model's own numbers",
        pros=("Some thousand parameters; hardly overfits.",),
        cons=("Learns less; wants a high learning rate.",),
        paper="Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning, https://arxiv.org/abs/2205.05638",
    )
    configuration: ClassVar[str] = "IA3Config"
    targets: ClassVar[Targets] = "recommended"
    name: Literal["ia3"] = "ia3"
