"""The C decoder, compiled on the spot: the same work as ours in a compiled language."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np

SOURCE = Path(__file__).with_name("decoder.c")


class NoCompiler(RuntimeError):
    """There is no C compiler, or it failed; the text says which."""


class _Tag(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("name_length", ctypes.c_uint32),
        ("count", ctypes.c_int64),
        ("capacity", ctypes.c_int64),
        ("steps", ctypes.POINTER(ctypes.c_int64)),
        ("values", ctypes.POINTER(ctypes.c_double)),
        ("wall_times", ctypes.POINTER(ctypes.c_double)),
    )


def compiled(folder: Path) -> Path:
    """The library, built in a folder unless it is there. Raises NoCompiler."""
    library = folder / "decoder.so"
    if library.exists() and library.stat().st_mtime > SOURCE.stat().st_mtime:
        return library
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise NoCompiler("no C compiler on this machine")
    words = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoCompiler(f"{compiler} failed: {done.stderr[-300:]}")
    return library


class CReader:
    """Reads files into columns that stay in memory."""

    def __init__(self, library: Path, *, verify_payloads: bool) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.read_file.restype = ctypes.c_void_p
        self._library.get_tag.restype = ctypes.POINTER(_Tag)
        self._library.get_tag.argtypes = (ctypes.c_void_p, ctypes.c_int32)
        self._library.count_tags.argtypes = (ctypes.c_void_p,)
        self._verify = int(verify_payloads)

    def read(self, path: Path) -> int:
        """A handle of what was read."""
        handle: int = self._library.read_file(str(path).encode(), self._verify)
        return handle

    def series(self, handle: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Steps, values, wall times of each tag, as views."""
        found = {}
        for index in range(self._library.count_tags(handle)):
            tag = self._library.get_tag(handle, index).contents
            arrays = [np.ctypeslib.as_array(one, (tag.count,)) for one in (tag.steps, tag.values, tag.wall_times)]
            found[tag.name.decode()] = (arrays[0], arrays[1], arrays[2])
        return found
