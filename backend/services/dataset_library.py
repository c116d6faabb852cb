"""DatasetLibrary: uploaded dataset files, kept under the hash of their bytes, and looks into any dataset."""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from backend.data.choice import DatasetChoice
from backend.data.inspection import DatasetSummary, inspect
from backend.data.readers import ENDINGS, is_known, read_rows
from backend.data.readers.opening import COMPRESSED
from backend.data.rows import RowProblem
from backend.errors import DataError
from backend.services.errors import UploadNotKept, UploadRefused
from backend.store.files import replace_text, sync_folder
from config.catalog import SAMPLE_PREFIX, SAMPLES

SUFFIXES = ENDINGS
TRIED_ROWS = 100  # of an upload, before it is kept
_CHUNK = 1 << 20
_ORIGIN = ".origin-"
Origin = Callable[[], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """A dataset that the form can offer. `path` is what DatasetChoice.path takes.

    `was_there` says of an upload that the same bytes were kept before.
    """

    path: str
    name: str
    size_bytes: int
    was_there: bool = field(default=False, compare=False)


class DatasetLibrary:
    """Keeps uploads in <workspace>/datasets/<first 16 hex digits of SHA-256>/<name>.

    `on_change` is called when there is one more.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self.on_change: Callable[[], object] = lambda: None

    @property
    def max_bytes(self) -> int:
        """The largest upload that is taken."""
        return self._max_bytes

    def upload(self, name: str, content: BinaryIO) -> StoredDataset:
        """Copy an upload in portions; the same bytes are kept once. Raises UploadRefused, UploadNotKept.

        The first rows are read before anything is kept: what no reader takes is refused with its reason.
        """
        safe = _safe_name(name)
        chunks = iter(lambda: content.read(_CHUNK), b"")
        return self._stored(safe, self._bounded(safe, chunks), None)

    def keep(self, name: str, chunks: Iterator[bytes], origin: Origin) -> StoredDataset:
        """Keep a dataset that was made here; `origin`, asked at the end, tells what it was made from.

        Raises UploadRefused for one without rows, UploadNotKept.
        """
        return self._stored(_safe_name(name), chunks, origin)

    def origin(self, path: str) -> Mapping[str, object]:
        """The note of how a dataset was made; empty for one that was not made here."""
        file = Path(path)
        try:
            if file.parent.parent != self._folder:  # what lies beside a file elsewhere is not ours
                return {}
            told = json.loads(file.with_name(f"{_ORIGIN}{file.name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _stored(self, safe: str, chunks: Iterator[bytes], origin: Origin | None) -> StoredDataset:
        try:
            return self._keep(safe, chunks, origin)
        except OSError as error:
            raise UploadNotKept(name=safe, folder=self._folder, reason=error.strerror or error) from error

    def _keep(self, safe: str, chunks: Iterator[bytes], origin: Origin | None) -> StoredDataset:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = self._folder / f".upload-{secrets.token_hex(8)}{_ending(safe)}"
        try:
            size, digest = _copy(chunks, staging)
            folder = self._folder / digest[:16]
            known = next((Path(path) for name, path, _ in _files(folder) if _ending(name) == _ending(safe)), None)
            if known is not None:
                return StoredDataset(str(known), known.name, size, was_there=True)
            _check_readable(safe, staging)
            folder.mkdir(mode=0o700, exist_ok=True)
            if origin is not None:
                replace_text(folder / f"{_ORIGIN}{safe}.json", json.dumps(origin()))
            staging.replace(folder / safe)
            sync_folder(folder)
        finally:
            staging.unlink(missing_ok=True)
        self.on_change()
        return StoredDataset(str(folder / safe), safe, size)

    def list(self) -> tuple[StoredDataset, ...]:
        """Shipped samples, then uploads by name."""
        samples = [StoredDataset(SAMPLE_PREFIX + name, name, size) for name, _, size in _files(SAMPLES)]
        folders = self._folder.glob("[0-9a-f]*/")
        uploads = [StoredDataset(path, name, size) for folder in folders for name, path, size in _files(folder)]
        return (*samples, *sorted(uploads, key=lambda dataset: (dataset.name, dataset.path)))

    def inspect(self, choice: DatasetChoice, base: Path) -> DatasetSummary:
        """Look into a dataset. Raises DataError if a file as a whole cannot be read, and for one on the hub."""
        return inspect(choice, base)

    def _bounded(self, name: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self._max_bytes:
                raise UploadRefused(name=name, reason=f"it is larger than {self._max_bytes:,} bytes")
            yield chunk


def _copy(chunks: Iterator[bytes], staging: Path) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with staging.open("xb") as file:
        for chunk in chunks:
            size += len(chunk)
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _check_readable(name: str, path: Path) -> None:
    """Raises UploadRefused for a file of which none of the first rows can be read."""
    problem: RowProblem | None = None
    try:
        for row in islice(read_rows(path), TRIED_ROWS):
            if not isinstance(row, RowProblem):
                return
            problem = problem or row
    except DataError as error:
        found = error.explain()
        reason = f"{found.what} {found.why}".replace(str(path), name).replace(path.name, name)
        raise UploadRefused(name=name, reason=reason.removesuffix(".")) from error
    reason = "it has no rows" if problem is None else f"none of its first rows can be read, {problem}"
    raise UploadRefused(name=name, reason=reason)


def _ending(name: str) -> str:
    """The known ending of a file's name, with that of a compression."""
    path = Path(name)
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() + suffix if suffix in COMPRESSED else suffix


def _files(folder: Path) -> list[tuple[str, str, int]]:
    """Name, path and size in bytes of what can be read, by name; what vanishes meanwhile is left out."""
    found = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and is_known(Path(entry.name)):
                with suppress(FileNotFoundError):
                    if entry.is_file():
                        found.append((entry.name, entry.path, entry.stat().st_size))
    return sorted(found)


def _safe_name(name: str) -> str:
    """The last part of a name as a plain file name with a known suffix."""
    last = re.split(r"[/\\]", name)[-1]
    if not is_known(Path(last)):
        raise UploadRefused(name=last[:80], reason=f"its ending is not one of {', '.join(SUFFIXES)}")
    stem, suffix = Path(last).stem, Path(last).suffix.lower()
    if suffix in COMPRESSED:
        stem, suffix = Path(stem).stem, Path(stem).suffix.lower() + suffix
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:60] or "dataset") + suffix
