"""Buffers: memory to read files into that is used again, since fresh memory costs more than reading."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

_MAX_KEPT = 4  # as many as threads read at once, usually


@contextmanager
def borrowed(num_bytes: int) -> Iterator[bytearray]:
    """A buffer of a size, for one user at a time; it holds whatever the last one left."""
    kept = _kept(num_bytes)
    try:
        buffer = kept.pop()
    except IndexError:
        buffer = bytearray(num_bytes)
    try:
        yield buffer
    finally:
        if len(kept) < _MAX_KEPT:
            kept.append(buffer)


@lru_cache(4)
def _kept(_num_bytes: int) -> list[bytearray]:
    """Buffers of one size that nobody uses; readers have few sizes."""
    return []
