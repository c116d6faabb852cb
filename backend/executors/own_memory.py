"""The high-water mark of this process's resident memory, and the C library's heap."""

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from backend.domain.heap import TUNABLES, bounds_mapping, heap_of, joining

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc: malloc.h
_MAPPED_BYTES, _TRIMMED_BYTES = 128 * 1024, 1024 * 1024
_RESET_HIGH_WATER = "5"  # kernel: Documentation/filesystems/proc.rst, "clear_refs"


def own_high_water() -> int | None:
    """Bytes; None where the system does not tell it."""
    return _field("VmHWM")


def own_resident() -> int:
    """Bytes now."""
    found = _field("VmRSS")
    return int(psutil.Process().memory_info().rss) if found is None else found


def own_anonymous() -> int | None:
    """Bytes now that belong to no file; None where the system does not tell it."""
    return _field("RssAnon")


def own_file_pages() -> int | None:
    """Bytes now of files that are mapped into this process; None where the system does not tell it."""
    return _field("RssFile")


def reset_high_water() -> bool:
    """Begin anew from what is resident now; False where the system cannot."""
    try:
        _CLEAR.write_text(_RESET_HIGH_WATER, encoding="ascii")
    except OSError:
        return False
    return True


def map_large_blocks(environ: Mapping[str, str]) -> bool:
    """Give each large block a mapping of its own for good, which goes back to the system when it is freed.

    By itself glibc raises the size of "large" to 32 MiB after the first of them: then tensors lie in a heap that falls
    into pieces. It costs time, for the kernel fills each new mapping with zeros. False where it is not glibc, or
    where a person has set the bound.
    """
    if bounds_mapping(environ):
        return False
    try:
        library = ctypes.CDLL(None)
        wanted = ((_MMAP_THRESHOLD, _MAPPED_BYTES), (_TRIM_THRESHOLD, _TRIMMED_BYTES))
        return all(library.mallopt(name, size) for name, size in wanted)
    except (AttributeError, OSError):
        return False


def c_library() -> str:
    """Name and version of this process's C library, such as "glibc 2.36"; empty where it does not tell them."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def joined_heap(name: str = "") -> dict[str, str]:
    """What the environment of a program that keeps tensors needs beyond ours, for its heap to stay whole.

    `name` is that of its C library where it has not ours.
    """
    wanted = joining(name or c_library(), os.environ.get(TUNABLES, ""))
    return {TUNABLES: wanted} if wanted else {}


def own_heap() -> str:
    """Of what kind this process's heap is, see `heap.heap_of`."""
    return heap_of(c_library(), os.environ.get(TUNABLES, ""))


def heap_of_trainers() -> str:
    """Of what kind those of trainers are that are started from here."""
    return heap_of(c_library(), joining(c_library(), os.environ.get(TUNABLES, "")))


def return_freed() -> bool:
    """Give freed memory of the heap back to the system, so that what is resident is what is used (glibc only)."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return False
    return True


def _field(name: str) -> int | None:
    try:
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return None
    return None
