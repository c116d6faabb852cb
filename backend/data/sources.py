"""Where the rows of a dataset come from: files, folders of files, the hub."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.data.choice import DatasetPart
from backend.data.errors import DatasetChanging, DatasetElsewhere, DatasetEmpty, DatasetNotFound, DatasetUnreadable
from backend.data.readers import check_file, is_known, read_rows
from backend.data.rows import Row, RowProblem
from config.catalog import SAMPLE_PREFIX, sample_path

SAVED_STATE = "state.json"  # what datasets' save_to_disk writes beside the files
SAVED_SPLITS = "dataset_dict.json"
DEFAULT_SPLIT = "train"
MAX_FILES = 10_000


class Source(Protocol):
    """Rows that are numbered together."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def size_bytes(self) -> int:
        """On this disk."""

    def fingerprint(self) -> str:
        """64 hexadecimal digits that change when the rows change."""

    def rows(self) -> Iterator[Row | RowProblem]:
        """Raises DataError for the source as a whole."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """One file. Its fingerprint is the SHA-256 of its bytes, compressed or not."""

    path: Path

    @property
    def name(self) -> str:
        """Without the folder."""
        return self.path.name

    @property
    def size_bytes(self) -> int:
        """Of the file as it lies."""
        return self.path.stat().st_size

    def fingerprint(self) -> str:
        """SHA-256 of a file, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def rows(self) -> Iterator[Row | RowProblem]:
        """Raises DatasetChanging if somebody writes to the file meanwhile."""
        check_file(self.path)
        before = self._version()
        yield from read_rows(self.path)
        if self._version() != before:
            raise DatasetChanging(path=self.path)

    def _version(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns


def resolve(path: str, base: Path) -> Path:
    """Where a dataset lies: a shipped sample by name, or a path relative to `base`. Raises DatasetNotFound."""
    if path.startswith(SAMPLE_PREFIX):
        found = sample_path(path.removeprefix(SAMPLE_PREFIX))
        if found is None:
            raise DatasetNotFound(path=path, reason="there is no sample of this name")
        return found
    try:
        return base / Path(path).expanduser()
    except RuntimeError as error:  # ~name of nobody
        raise DatasetNotFound(path=path, reason=str(error)) from error


def sources(
    part: DatasetPart, base: Path, *, may_fetch: bool, check: Callable[[], None] = lambda: None
) -> tuple[Source, ...]:
    """What a part is read from, in order. Without `may_fetch` hub datasets raise DatasetElsewhere.

    A fetch that waits before another attempt ends with what `check` raises.

    Raises DatasetNotFound, DatasetNotAFile, DatasetUnreadable, and the errors of the hub.
    """
    if part.hub_id is not None:
        if not may_fetch:
            raise DatasetElsewhere(path=part.path)
        from backend.data.hub import HubSource  # noqa: PLC0415 - most datasets are files

        return (HubSource(part, check),)
    path = resolve(part.path, base)
    try:
        files = _files_of(path, part.split) if path.is_dir() else [path]
    except OSError as error:
        raise DatasetUnreadable(path=path, reason=error.strerror or type(error).__name__) from error
    for file in files:
        check_file(file)
    return tuple(FileSource(file) for file in files)


def _files_of(folder: Path, split: str | None) -> list[Path]:
    """The files of a folder in the order of their names, or those that a saved dataset lists."""
    if (folder / SAVED_SPLITS).is_file():
        names = _names(folder / SAVED_SPLITS, "splits")
        wanted = split or (names[0] if len(names) == 1 else DEFAULT_SPLIT)
        if wanted not in names:
            reason = f"it has no split {wanted!r}; there are {', '.join(names) or 'none'}"
            raise DatasetNotFound(path=folder, reason=reason)
        folder = folder / wanted
    if (folder / SAVED_STATE).is_file():
        return [folder / name for name in _names(folder / SAVED_STATE, "_data_files")]
    files = sorted(path for path in folder.iterdir() if is_known(path) and not path.name.startswith("."))
    if split:
        raise DatasetNotFound(path=folder, reason="a plain folder of files has no named splits")
    if not files:
        raise DatasetEmpty(path=folder, reason="the folder has no file of a kind that can be read")
    if len(files) > MAX_FILES:
        raise DatasetUnreadable(path=folder, reason=f"the folder has more than {MAX_FILES:,} files")
    return files


def _names(path: Path, key: str) -> list[str]:
    """The plain names that a saved dataset's JSON lists under a key."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))[key]
        names = [item["filename"] if isinstance(item, dict) else item for item in listed]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetUnreadable(path=path, reason="it is no list of a saved dataset's files") from error
    if not all(isinstance(name, str) and Path(name).name == name and name not in ("", "..") for name in names):
        raise DatasetUnreadable(path=path, reason="it names files outside its folder")
    return names
