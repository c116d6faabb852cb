"""Files of weights that stay in memory because a few tensors of a model still lie in them."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

USED_SHARE = 0.75  # of a file: below it copies of the rest are smaller than what goes with the file
_MAPS = Path("/proc/self/maps")  # kernel: Documentation/filesystems/proc.rst
_SUFFIX = ".safetensors"
_COLUMNS = 6


class _Range(NamedTuple):
    file: str
    begin: int
    end: int


def let_go_of_files(model: Any) -> int:  # noqa: ANN401 - a torch module, and torch is not imported here
    """Copy what still lies in a file of weights that is mostly unused by now; the bytes of the files that were left.

    Weights are read where their file is mapped into memory. When most of them have been replaced, by quantized ones
    or by what a method makes of them, the last few keep the whole file there. 0 where the system tells no mappings.
    """
    ranges = _mapped()
    if not ranges:
        return 0
    tensors: dict[str, list[Any]] = defaultdict(list)
    for tensor in _all(model):
        found = next((one.file for one in ranges if one.begin <= tensor.data_ptr() < one.end), None)
        if found is not None:
            tensors[found].append(tensor)
    left = 0
    for file, inside in tensors.items():
        size = sum(one.end - one.begin for one in ranges if one.file == file)
        used = sum({tensor.data_ptr(): tensor.nbytes for tensor in inside}.values())
        if used < USED_SHARE * size:
            _copy(inside)
            left += size
    return left


def _copy(tensors: Iterable[Any]) -> None:
    """Tensors that shared their memory still do."""
    copies: dict[tuple[Any, ...], Any] = {}
    for tensor in tensors:
        key = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if key not in copies:
            copies[key] = tensor.detach().clone()
        tensor.data = copies[key]


def _all(model: Any) -> Iterable[Any]:  # noqa: ANN401
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.device.type == "cpu" and not tensor.is_sparse:
            yield tensor


def _mapped() -> list[_Range]:
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        words = line.split(maxsplit=_COLUMNS - 1)
        if len(words) == _COLUMNS and words[-1].endswith(_SUFFIX):
            begin, _, end = words[0].partition("-")
            found.append(_Range(words[-1], int(begin, 16), int(end, 16)))
    return found
