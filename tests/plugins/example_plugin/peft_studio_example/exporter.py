"""An exporter: the adapter's weights for programs that know NumPy and nothing of torch."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from backend.exporters import Bench, Exporter, Verified
from backend.spec import Card

WEIGHTS = "adapter_model.safetensors"


class NumpyWeights(Exporter):
    """One .npz with a matrix for each tensor, by its name in the adapter."""

    card: ClassVar[Card] = Card(
        title="NumPy", summary="The adapter's weights as one .npz file.", use_when="You look into the matrices."
    )
    name: Literal["numpy"] = "numpy"
    compressed: bool = Field(default=False, title="Compressed", description="Smaller, and slower to read.")

    def write(self, bench: Bench, folder: Path) -> Verified:
        """Written and read again."""
        import numpy as np
        from safetensors.numpy import load_file

        bench.need_room((bench.source / WEIGHTS).stat().st_size)
        bench.say("Writing the matrices")
        tensors = load_file(bench.source / WEIGHTS)
        (np.savez_compressed if self.compressed else np.savez)(folder / "weights.npz", **tensors)
        with np.load(folder / "weights.npz") as again:
            is_same = all(np.array_equal(again[name], tensor) for name, tensor in tensors.items())
        if not is_same:
            raise ValueError("the matrices that were read again are others")
        return Verified(told=f"All {len(tensors)} matrices were read again and are equal.")
