"""WaveFT: Learns some wavelet coefficients of the update."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Waveft(Targeted):
    """Learns some wavelet coefficients of the update."""

    card: ClassVar[Card] = Card(
        title="WaveFT",
        summary="Learns some wavelet coefficients of the update.",
        use_when="Very small adapters with a finely chosen size.",
        family="Frequencies",
        pros=("The number of parameters can be set exactly.",),
        cons=("Wants a high learning rate.",),
    )
    configuration: ClassVar[str] = "WaveFTConfig"
    words: ClassVar[Mapping[str, str]] = {"coefficients": "n_frequency"}
    name: Literal["waveft"] = "waveft"
    coefficients: int = Field(default=2592, ge=1, le=10000000, description="Learned coefficients per layer.")
    scaling: float = Field(default=25.0, gt=0, le=1000000.0, description="The update is multiplied by it.")

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return (
            f"{self.coefficients} coefficients are more than its {outputs * inputs} weights."
            if self.coefficients > outputs * inputs
            else ""
        )
