"""Pages of files that a process has in memory: a fork begins without those of its parent, a cold start has them."""

import ctypes
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_PRESENT = np.uint64(1 << 63)  # kernel: Documentation/admin-guide/mm/pagemap.rst
_POPULATE_READ = 22  # madvise(2), since Linux 5.14

Range = tuple[int, int]


def file_ranges() -> list[Range]:
    """Addresses and lengths of the resident pages of mapped files of this process."""
    found: list[Range] = []
    with Path("/proc/self/pagemap").open("rb", buffering=0) as pages:
        for start, end in _file_mappings():
            pages.seek(start // mmap.PAGESIZE * 8)
            entries = np.frombuffer(pages.read((end - start) // mmap.PAGESIZE * 8), dtype=np.uint64)
            found.extend((start + first * mmap.PAGESIZE, count * mmap.PAGESIZE) for first, count in _runs(entries))
    return found


def bring_in(ranges: list[Range]) -> int:
    """Have the same pages in memory, without writing to them; how many ranges could not be had."""
    library = ctypes.CDLL(None, use_errno=True)
    library.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return sum(library.madvise(start, length, _POPULATE_READ) != 0 for start, length in ranges)


def _file_mappings() -> Iterator[Range]:
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/") and "r" in fields[1]:  # noqa: PLR2004 - the last is the path
            start, end = (int(word, 16) for word in fields[0].split("-"))
            yield start, end


def _runs(entries: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> Iterator[Range]:
    """First page and number of pages of each run of present ones."""
    present = np.concatenate([[0], ((entries & _PRESENT) != 0).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(present))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(after - first)
