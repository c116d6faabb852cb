"""FourierFT: Learns some frequencies of the update; the update is their inverse Fourier transform."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card


class Fourierft(Targeted):
    """Learns some frequencies of the update; the update is their inverse Fourier transform.

    Parameter-Efficient Fine-Tuning with Discrete Fourier Transform, https://arxiv.org/abs/2405.03003
    """

    card: ClassVar[Card] = Card(
        title="FourierFT",
        summary="Learns some frequencies of the update; the update is their inverse Fourier transform.",
        use_when="Smallest adapters; wants a high learning rate.",
        family="Frequencies",
        pros=("Adapters far below LoRA's size.",),
        cons=("Wants a high learning rate; transforms cost time.",),
        paper="Parameter-Efficient Fine-Tuning with Discrete Fourier Transform, https://arxiv.org/abs/2405.03003",
    )
    configuration: ClassVar[str] = "FourierFTConfig"
    words: ClassVar[Mapping[str, str]] = {"frequencies": "n_frequency"}
    name: Literal["fourierft"] = "fourierft"
    frequencies: int = Field(default=1000, ge=1, le=10000000, description="Learned frequencies per layer.")
    scaling: float = Field(default=150.0, gt=0, le=1000000.0, description="The update is multiplied by it.")

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        return (
            f"{self.frequencies} frequencies are more than its {outputs * inputs} weights."
            if self.frequencies > outputs * inputs
            else ""
        )
