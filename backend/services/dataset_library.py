"""DatasetLibrary: uploaded dataset files, kept under the hash of their bytes, and looks into any dataset."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.data.choice import DatasetChoice
from backend.data.inspection import DatasetSummary, inspect
from backend.data.readers import ENDINGS, is_known
from backend.data.readers.opening import COMPRESSED
from backend.services.errors import UploadNotKept, UploadRefused
from config.catalog import SAMPLE_PREFIX, SAMPLES

SUFFIXES = ENDINGS
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """A dataset that the form can offer. `path` is what DatasetChoice.path takes."""

    path: str
    name: str
    size_bytes: int


class DatasetLibrary:
    """Keeps uploads in <workspace>/datasets/<first 16 hex digits of SHA-256>/<name>."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes

    def upload(self, name: str, content: BinaryIO) -> StoredDataset:
        """Copy an upload in portions; the same bytes are kept once. Raises UploadRefused, UploadNotKept."""
        safe = _safe_name(name)
        try:
            return self._keep(safe, content)
        except OSError as error:
            raise UploadNotKept(name=safe, folder=self._folder, reason=error.strerror or error) from error

    def _keep(self, safe: str, content: BinaryIO) -> StoredDataset:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = self._folder / f".upload-{secrets.token_hex(8)}"
        try:
            size, digest = self._copy(safe, content, staging)
            target = self._folder / digest[:16] / safe
            target.parent.mkdir(mode=0o700, exist_ok=True)
            staging.replace(target)
        finally:
            staging.unlink(missing_ok=True)
        return StoredDataset(str(target), safe, size)

    def list(self) -> tuple[StoredDataset, ...]:
        """Shipped samples, then uploads by name."""
        samples = [StoredDataset(SAMPLE_PREFIX + p.name, p.name, p.stat().st_size) for p in _files(SAMPLES)]
        uploads = [StoredDataset(str(p), p.name, p.stat().st_size) for p in self._folder.glob("[0-9a-f]*/*")]
        return (*samples, *sorted(uploads, key=lambda dataset: (dataset.name, dataset.path)))

    def inspect(self, choice: DatasetChoice, base: Path) -> DatasetSummary:
        """Look into a dataset. Raises DataError if a file as a whole cannot be read, and for one on the hub."""
        return inspect(choice, base)

    def _copy(self, name: str, content: BinaryIO, staging: Path) -> tuple[int, str]:
        size, digest = 0, hashlib.sha256()
        with staging.open("xb") as file:
            while chunk := content.read(_CHUNK):
                size += len(chunk)
                if size > self._max_bytes:
                    raise UploadRefused(name=name, reason=f"it is larger than {self._max_bytes:,} bytes")
                digest.update(chunk)
                file.write(chunk)
        return size, digest.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file() and is_known(path))


def _safe_name(name: str) -> str:
    """The last part of a name as a plain file name with a known suffix."""
    last = re.split(r"[/\\]", name)[-1]
    if not is_known(Path(last)):
        raise UploadRefused(name=last[:80], reason=f"its ending is not one of {', '.join(SUFFIXES)}")
    stem, suffix = Path(last).stem, Path(last).suffix.lower()
    if suffix in COMPRESSED:
        stem, suffix = Path(stem).stem, Path(stem).suffix.lower() + suffix
    return (re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:60] or "dataset") + suffix
