"""Reading a dataset once into a RowTable: a folder that appears whole or not at all."""

import errno
import os
import secrets
import shutil
from array import array
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.data.cache import STAGING
from backend.data.errors import CacheNotWritten
from backend.data.prepared import part_fingerprint
from backend.data.row_table import ABOUT, ROWS, TableFacts, as_json, told
from backend.data.rows import Row, RowProblem
from backend.data.sources import Source

PORTION_ROWS = 512
PORTION_BYTES = 1_000_000  # what a look at one row unpacks
MAX_COLUMNS_KEPT = 1_000
PROGRESS_ROWS = 2_000
Progress = Callable[[int], None]


def keep_rows(sources: tuple[Source, ...], target: Path, progress: Progress = lambda _: None) -> None:
    """Read every row of the sources into `target`, replacing what is there.

    `progress` gets the number of rows so far; what it raises is passed on, and then nothing is left, as when the
    source as a whole cannot be read (DataError). Raises CacheNotWritten.
    """
    folder = target.parent / f"{STAGING}{target.name[:16]}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(mode=0o700, parents=True)
        facts = _write(folder / ROWS, sources, progress)
        (folder / ABOUT).write_text(told(facts), encoding="utf-8")
        _put(folder, target)
    except OSError as error:
        raise CacheNotWritten(folder=target.parent, reason=error.strerror or error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(folder: Path, target: Path) -> None:
    """In place of what is there, also of what another program puts there meanwhile. Raises OSError."""
    while True:
        try:
            folder.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        doomed = folder.with_name(f"{folder.name}-old")
        with suppress(FileNotFoundError):
            target.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _write(path: Path, sources: tuple[Source, ...], progress: Progress) -> TableFacts:
    import pyarrow as pa  # noqa: PLC0415 - pyarrow takes a tenth of a second that most commands do not need

    types = {"row": pa.large_binary(), "problem": pa.string(), "source": pa.int32(), "number": pa.int64()}
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    portion = _Portion()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema(types), options=options) as writer:
        for index, source in enumerate(sources):
            for row in source.rows():
                portion.add(row, index)
                if portion.is_full:
                    writer.write_batch(portion.take())
                if portion.num_rows % PROGRESS_ROWS == 0:
                    progress(portion.num_rows)
        if portion.is_begun:
            writer.write_batch(portion.take())
    return TableFacts(
        num_rows=portion.num_rows,
        num_problems=portion.num_problems,
        size_bytes=sum(source.size_bytes for source in sources),
        fingerprint=part_fingerprint([source.fingerprint() for source in sources]),
        sources=tuple(source.name for source in sources),
        columns=tuple(portion.columns),
        starts=tuple(portion.starts),
        firsts=tuple(portion.firsts),
    )


class _Portion:
    """Rows on their way to the file, and what is counted of all of them."""

    def __init__(self) -> None:
        self.num_rows = self.num_problems = 0
        self.columns: dict[str, None] = {}
        self.starts: list[int] = []
        self.firsts: list[tuple[int, int]] = []
        self._empty()

    @property
    def is_begun(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._texts)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return len(self._texts) >= PORTION_ROWS or self._num_bytes >= PORTION_BYTES

    def add(self, row: Row | RowProblem, source: int) -> None:
        """One row of the source with this index."""
        if not self._texts:
            self.starts.append(self.num_rows)
            self.firsts.append((source, row.number))
        is_row = isinstance(row, Row)
        text = as_json(row.fields) if isinstance(row, Row) else b""
        self._texts.append(text)
        self._problems.append("" if isinstance(row, Row) else row.message)
        self._sources.append(source)
        self._numbers.append(row.number)
        self._num_bytes += len(text) + 64
        self.num_rows += 1
        self.num_problems += not is_row
        if isinstance(row, Row) and len(self.columns) < MAX_COLUMNS_KEPT:
            self.columns.update((str(name), None) for name in row.fields)

    def take(self) -> Any:  # noqa: ANN401 - a pyarrow.RecordBatch
        """What was added, as columns; then it is empty."""
        import pyarrow as pa  # noqa: PLC0415

        columns = {
            "row": pa.array(self._texts, pa.large_binary()),
            "problem": pa.array(self._problems, pa.string()),
            "source": pa.array(self._sources, pa.int32()),
            "number": pa.array(self._numbers, pa.int64()),
        }
        self._empty()
        return pa.record_batch(columns)

    def _empty(self) -> None:
        self._texts: list[bytes] = []
        self._problems: list[str] = []
        self._sources = array("i")
        self._numbers = array("q")
        self._num_bytes = 0
