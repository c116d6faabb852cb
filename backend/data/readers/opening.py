"""Opening a text file for its bytes, compressed or not, without letting it grow beyond measure."""

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from backend.data.errors import DatasetExpands, DatasetUnreadable

COMPRESSED = (".gz", ".zst")
MAX_RATIO = 200  # a heuristic: text packs 3 to 20 times, logs 100 times, bombs 1,000 times and more
FREE_BYTES = 256_000_000  # what any file may expand to
_BUFFER_BYTES = 1 << 20


def kind_of(path: Path) -> str:
    """The ending in small letters, without that of a compression: `.jsonl` for `A.JSONL.gz`."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED else suffix


def open_bytes(path: Path) -> BinaryIO:
    """The decompressed bytes as a buffered stream.

    Reading raises DatasetExpands beyond MAX_RATIO times the file's size (and FREE_BYTES), DatasetUnreadable for
    what is not compressed as its ending says, OSError for the disk.
    """
    suffix = path.suffix.lower()
    if suffix not in COMPRESSED:
        return path.open("rb")
    limit = max(FREE_BYTES, MAX_RATIO * path.stat().st_size)
    source = path.open("rb")
    return io.BufferedReader(_Bounded(path, source, _decompressed(source, suffix), limit), _BUFFER_BYTES)


def _decompressed(source: BinaryIO, suffix: str) -> Callable[[int], bytes]:
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=source).read
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need

    # zstd itself refuses windows above 128 MB
    read: Callable[[int], bytes] = pa.CompressedInputStream(source, "zstd").read
    return read


class _Bounded(io.RawIOBase):
    """The bytes of a decompressor, counted."""

    def __init__(self, path: Path, source: BinaryIO, read: Callable[[int], bytes], limit: int) -> None:
        self._path = path
        self._source = source
        self._read = read
        self._limit = limit
        self._num_read = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override] # what BufferedReader gives
        """Fill the buffer; 0 at the end."""
        try:
            data = self._read(len(buffer))
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise self._damaged(error) from error
        except OSError as error:
            if error.errno is None:  # pyarrow's word for a damaged stream
                raise self._damaged(error) from error
            raise
        self._num_read += len(data)
        if self._num_read > self._limit:
            raise DatasetExpands(path=self._path, limit=self._limit, size=self._path.stat().st_size)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file underneath too."""
        self._source.close()
        super().close()

    def _damaged(self, error: Exception) -> DatasetUnreadable:
        said = " ".join(str(error).split())[:100]
        return DatasetUnreadable(path=self._path, reason=f"it is no whole {self._path.suffix} file ({said})")
