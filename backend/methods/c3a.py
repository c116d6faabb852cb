"""C3A: The update is made of circulant blocks: convolutions, computed by Fourier transforms."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.methods.base import Targeted
from backend.spec import Card, because


class C3a(Targeted):
    """The update is made of circulant blocks: convolutions, computed by Fourier transforms.

    Parameter-Efficient Fine-Tuning via Circular Convolution, https://arxiv.org/abs/2407.19342
    """

    card: ClassVar[Card] = Card(
        title="C3A",
        summary="The update is made of circulant blocks: convolutions, computed by Fourier transforms.",
        use_when="High rank at few parameters; needs a GPU with fast Fourier transforms.",
        family="Frequencies",
        pros=("A high rank from few parameters.",),
        cons=("Slow without a GPU with fast Fourier transforms.",),
        paper="Parameter-Efficient Fine-Tuning via Circular Convolution, https://arxiv.org/abs/2407.19342",
    )
    configuration: ClassVar[str] = "C3AConfig"
    name: Literal["c3a"] = "c3a"
    block_size: int = Field(
        default=64,
        ge=1,
        le=8192,
        description="Side of a block; must divide both sides of each layer. Smaller means more parameters.",
        json_schema_extra=because("It has to divide every layer's sides; 64 fits most models, 256 few small ones."),
    )

    def misfit(self, outputs: int, inputs: int) -> str:
        """Why it cannot go on a layer of this shape."""
        is_wrong = outputs % self.block_size or inputs % self.block_size
        return f"The block size {self.block_size} does not divide {outputs} and {inputs}." if is_wrong else ""
