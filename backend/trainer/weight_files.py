"""Single tensors of a base model, read from its safetensors files without loading the rest."""

from pathlib import Path

import torch
from safetensors import safe_open


class WeightFiles:
    """The weights of a model folder. Raises ValueError if there are none."""

    def __init__(self, folder: Path) -> None:
        self._file_of: dict[str, Path] = {}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                self._file_of |= dict.fromkeys(file.keys(), path)
        if not self._file_of:
            raise ValueError(f"There are no .safetensors files in {folder}.")

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor on the CPU. Raises ValueError if the files call it otherwise."""
        path = self._file_of.get(name)
        if path is None:
            raise ValueError(f"The base model's files have no tensor {name}.")
        with safe_open(path, framework="pt") as file:
            found: torch.Tensor = file.get_tensor(name)
        return found
