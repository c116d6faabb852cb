"""The random generators of one process: Python's, NumPy's and torch's, on every device that it uses."""

import random
from typing import Any

import numpy as np
import torch

State = dict[str, Any]


def random_states() -> State:
    """All of them, as plain values and tensors."""
    numpy_state: Any = np.random.get_state(legacy=True)  # noqa: NPY002 - the libraries draw from this one
    name, keys, *rest = numpy_state
    states: State = {
        "python": random.getstate(),
        "numpy": (name, [int(key) for key in keys], *(plain.item() if hasattr(plain, "item") else plain for plain in rest)),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def restore_random_states(states: State) -> None:
    """Go on from there; a device that is not here any more has nothing to go on."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])
