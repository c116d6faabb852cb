"""The headers of .safetensors files: names, number formats and shapes; no weight is read and nothing is trusted."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from backend.domain.model_facts import Tensor

MOST_HEADER_BYTES = 100_000_000  # what safetensors itself allows
_PREFIX_BYTES = 8
_NUMBER_BYTES = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "F32": 4,
    "I32": 4,
    "U32": 4,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "U16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


class HeaderUnreadable(ValueError):
    """Why a file is not taken, in a few words."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file lists, and how many bytes of that it does not have."""

    tensors: Mapping[str, Tensor]
    missing_bytes: int


def read_header(path: Path, most_bytes: int = MOST_HEADER_BYTES) -> Header:
    """The header alone. Raises OSError, and HeaderUnreadable for what is none or contradicts itself.

    It is a length of 8 bytes and so much JSON (https://github.com/huggingface/safetensors#format). At most
    `most_bytes`, and never more than the file has, are read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(_PREFIX_BYTES)
        if len(prefix) < _PREFIX_BYTES:
            raise HeaderUnreadable("it is shorter than a header")
        (length,) = struct.unpack("<Q", prefix)
        if length > size - _PREFIX_BYTES:
            raise HeaderUnreadable("its header claims more bytes than the file has")
        if length > most_bytes:
            raise HeaderUnreadable(f"its header is longer than {most_bytes:,} bytes")
        text = file.read(length)
    try:
        listed = {name: entry for name, entry in json.loads(text).items() if name != "__metadata__"}
        tensors = {name: _tensor(entry) for name, entry in listed.items()}
        end = max((int(entry["data_offsets"][1]) for entry in listed.values()), default=0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise HeaderUnreadable(f"its header is damaged ({type(error).__name__})") from error
    return Header(tensors, max(0, _PREFIX_BYTES + length + end - size))


def _tensor(entry: Mapping[str, Any]) -> Tensor:
    """One entry whose shape takes the bytes that it claims. Raises as Python does."""
    dtype, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    if not isinstance(dtype, str) or not all(type(side) is int and side >= 0 for side in (*shape, begin, end)):
        raise TypeError("no tensor")
    if dtype in _NUMBER_BYTES and prod(shape) * _NUMBER_BYTES[dtype] != end - begin:
        raise ValueError("shape and bytes differ")
    return Tensor(dtype, shape)
