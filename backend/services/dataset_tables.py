"""DatasetTables: the rows of datasets at hand, read once for each version of the files."""

import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, Lock

from backend.data.cache import STAGING, key_of, sweep
from backend.data.choice import DatasetPart
from backend.data.row_keeping import keep_rows
from backend.data.row_table import VERSION, RowTable, opened
from backend.data.sources import FileSource, sources
from backend.services.dataset_errors import DatasetNotLoaded

SMALL_BYTES = 4_000_000  # read within a tenth of a second
MAX_OPEN = 32
MAX_KEPT = 24  # tables on disk; the one looked at least recently goes first


class DatasetTables:
    """Tables in <workspace>/cache/rows/<key>: the key changes with a file's path, size or time of change.

    Rows of hub datasets are brought by a program of their own (HubRows); here they are only looked at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, RowTable] = OrderedDict()
        self._lock = Lock()
        self._changed = Condition()
        self._being_read: set[Path] = set()

    def key(self, part: DatasetPart) -> str:
        """What names this version of the dataset. Raises DataError if its files are not there."""
        if part.hub_id is not None:
            return key_of(VERSION, part.path, part.subset, part.split, part.revision)
        return key_of(VERSION, [_identity(file) for file in _files(part)])

    def folder(self, part: DatasetPart) -> Path:
        """Where its table is or will be."""
        return self._folder / self.key(part)[:32]

    def is_small(self, part: DatasetPart) -> bool:
        """Whether reading it takes no longer than a page may take. Raises DataError."""
        return part.hub_id is None and sum(file.size_bytes for file in _files(part)) <= SMALL_BYTES

    def at_hand(self, part: DatasetPart) -> RowTable | None:
        """The table if the rows were read. Raises DataError if the files are not there."""
        folder = self.folder(part)
        with self._lock:
            known = self._open.get(folder.name)
            if known is not None:
                self._open.move_to_end(folder.name)
                return known
        table = opened(folder)
        return None if table is None else self._opened(folder, table)

    def table(self, part: DatasetPart) -> RowTable:
        """The table. Raises DatasetNotLoaded if the rows were not read, and DataError."""
        found = self.at_hand(part)
        if found is None:
            raise DatasetNotLoaded(path=part.path)
        return found

    def read(self, part: DatasetPart, progress: Callable[[int], None] = lambda _: None) -> RowTable:
        """The table, read now if it must be; `progress` gets the number of rows so far and may raise.

        Raises DataError if the dataset as a whole cannot be read, CacheNotWritten, DatasetElsewhere for the hub.
        """
        with self._turn(self.folder(part)):
            known = self.at_hand(part)
            if known is not None:
                return known
            keep_rows(tuple(_files(part)), self.folder(part), progress)
            self._sweep()
            return self.table(part)

    def forget(self, part: DatasetPart) -> None:
        """Have the rows read again, as of a hub dataset that may have changed."""
        folder = self.folder(part)
        with self._lock:
            self._open.pop(folder.name, None)
        shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _turn(self, folder: Path) -> Iterator[None]:
        """One after the other: who comes second finds what the first has read."""
        with self._changed:
            self._changed.wait_for(lambda: folder not in self._being_read)
            self._being_read.add(folder)
        try:
            yield
        finally:
            with self._changed:
                self._being_read.discard(folder)
                self._changed.notify_all()

    def _opened(self, folder: Path, table: RowTable) -> RowTable:
        with suppress(OSError):  # deleted meanwhile: what is mapped stays
            os.utime(folder)
        with self._lock:
            self._open[folder.name] = table
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return table

    def _sweep(self) -> None:
        """Leave the tables that were looked at lately, and what is being written now."""
        sweep(self._folder)
        times = []
        for folder in self._folder.iterdir():
            if folder.name.startswith(STAGING):
                continue
            try:
                times.append((folder.stat().st_mtime, folder))
            except OSError:
                continue
        for _, folder in sorted(times)[:-MAX_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def _files(part: DatasetPart) -> list[FileSource]:
    return [source for source in sources(part, Path("/"), may_fetch=False) if isinstance(source, FileSource)]


def _identity(file: FileSource) -> tuple[str, int, int, int]:
    found = file.path.stat()
    return str(file.path.resolve()), found.st_size, found.st_mtime_ns, found.st_ino
