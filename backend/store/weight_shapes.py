"""The shapes of a model's tensors, from the headers of its weight files; no weight is read."""

import json
import struct
from pathlib import Path

MOST_HEADER_BYTES = 100_000_000  # what safetensors itself allows
Shapes = dict[str, tuple[int, ...]]


def weight_shapes(folder: Path) -> Shapes:
    """Shapes by name of all .safetensors files of a folder; a file that cannot be read adds nothing.

    A header is a length of 8 bytes and so much JSON (https://github.com/huggingface/safetensors#format).
    """
    shapes: Shapes = {}
    for file in sorted(folder.glob("*.safetensors")):
        shapes |= _of_file(file)
    return shapes


def _of_file(path: Path) -> Shapes:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= MOST_HEADER_BYTES else {}
        return {name: tuple(int(side) for side in entry["shape"]) for name, entry in header.items() if "shape" in entry}
    except (OSError, ValueError, TypeError, AttributeError, struct.error):
        return {}
