"""Modules live as long as their program: the garbage collector need not look at them, not even at the end."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing_for_good() -> Iterator[None]:
    """Collect nothing while the block imports, and leave alone for good what it has imported.

    With the training stack this saves a third of the CPU time of a program that only starts and ends: the
    collector would go through a million objects again and again, and once more when the interpreter ends.
    """
    before, was_collecting = len(sys.modules), gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        if was_collecting:
            gc.enable()


def give_back() -> None:
    """Collect garbage, and give the memory that is free inside this process back to the system, where it takes it.

    Source: malloc_trim(3), glibc only.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
