"""The shapes of a model's tensors, from the headers of its weight files; no weight is read."""

from pathlib import Path

from backend.store.weight_headers import HeaderUnreadable, read_header

Shapes = dict[str, tuple[int, ...]]


def weight_shapes(folder: Path) -> Shapes:
    """Shapes by name of all .safetensors files of a folder; a file that cannot be read adds nothing."""
    shapes: Shapes = {}
    for file in sorted(folder.glob("*.safetensors")):
        shapes |= _of_file(file)
    return shapes


def _of_file(path: Path) -> Shapes:
    try:
        return {name: tensor.shape for name, tensor in read_header(path).tensors.items()}
    except (OSError, HeaderUnreadable):
        return {}
