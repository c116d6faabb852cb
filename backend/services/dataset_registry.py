"""DatasetRegistry: which datasets of this machine and of the hub a person wants to see, and how they are read."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import ValidationError

from backend.data.choice import DatasetPart
from backend.data.readers import is_known
from backend.domain.ports import DraftStore
from backend.services.dataset_errors import DatasetNotListed, DatasetRefused
from backend.services.dataset_library import StoredDataset
from config.catalog import SAMPLE_PREFIX

_DRAFT, _READING = "datasets:registered", "datasets:reading"
_SYSTEM = tuple(Path(folder) for folder in ("/proc", "/sys", "/dev", "/etc"))
MAX_READINGS = 500


class Kind(StrEnum):
    """Where a dataset comes from."""

    SAMPLE = "sample"
    UPLOAD = "in the workspace"
    FILE = "file on this machine"
    FOLDER = "folder on this machine"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Listed:
    """A dataset of the list. `part` says how it is read."""

    part: DatasetPart
    name: str
    kind: Kind

    @property
    def path(self) -> str:
        """What DatasetChoice.path takes, and the address of the page."""
        return self.part.path


class DatasetRegistry:
    """Registered paths are kept in the store, like log directories; nothing is ever written into them.

    `private` are folders whose inside is not registered, except what is inside `own`, the uploads.
    `on_change` is called when the list, or how one of it is read, has changed.
    """

    def __init__(
        self,
        store: DraftStore,
        stored: Callable[[], Sequence[StoredDataset]],
        private: Sequence[Path],
        own: Path,
    ) -> None:
        self._store = store
        self._stored = stored
        self._private = private
        self._own = own
        self._lock = Lock()
        self.on_change: Callable[[], object] = lambda: None

    def list(self) -> Sequence[Listed]:
        """Registered ones and uploads by name, then the samples that ship."""
        reading = self._readings()
        kept = [_stored(dataset, reading) for dataset in self._stored()]
        registered = [_registered(part, reading) for part in self._registered().values()]
        mine = sorted([*registered, *(one for one in kept if one.kind is not Kind.SAMPLE)], key=_order)
        return [*mine, *(one for one in kept if one.kind is Kind.SAMPLE)]

    def find(self, path: str) -> Listed:
        """One of the list, or a file inside a registered folder. Raises DatasetNotListed."""
        for one in self.list():
            if one.path == path:
                return one
        if self._is_inside_registered(path):
            return _registered(DatasetPart(path=path), self._readings())
        raise DatasetNotListed(path=path, reason="Nobody has uploaded or registered it on this machine")

    def add(self, path: str, **hub: str | None) -> str:
        """Register a file, a folder, or hub:ORG/NAME with subset, split and revision; the path under which it stands.

        Adding it again replaces it. Raises DatasetRefused.
        """
        try:
            part = DatasetPart(path=path.strip() or " ", **{name: value or None for name, value in hub.items()})
        except ValidationError as error:
            raise DatasetRefused(path=path, reason=error.errors()[0]["msg"]) from error
        if part.hub_id is None:
            part = DatasetPart(path=str(self._checked(path)), split=part.split)
        with self._lock:
            self._save(_DRAFT, self._registered() | {part.path: part})
        self.on_change()
        return part.path

    def remove(self, path: str) -> None:
        """Forget a registered one; nothing of it is touched. Raises DatasetNotListed."""
        with self._lock:
            known = self._registered()
            if known.pop(path, None) is None:
                raise DatasetNotListed(path=path, reason="It was not registered")
            self._save(_DRAFT, known)
        self.on_change()

    def read_as(self, part: DatasetPart) -> None:
        """Remember the format and the columns of a dataset."""
        with self._lock:
            known = self._readings()
            known.pop(part.path, None)
            recent = list(known.items())[-MAX_READINGS + 1 :]
            reading = DatasetPart(path=part.path, format=part.format, columns=part.columns)
            self._save(_READING, dict(recent) | {part.path: reading})
        self.on_change()

    def _registered(self) -> dict[str, DatasetPart]:
        return _parts(self._store.load_draft(_DRAFT))

    def _readings(self) -> dict[str, DatasetPart]:
        return _parts(self._store.load_draft(_READING))

    def _save(self, key: str, parts: Mapping[str, DatasetPart]) -> None:
        self._store.save_draft(key, json.dumps([part.model_dump(exclude_defaults=True) for part in parts.values()]))

    def _is_inside_registered(self, path: str) -> bool:
        """By where it really leads: a link out of a registered folder is not inside it."""
        try:
            real = Path(path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return False
        folders = (Path(one) for one in self._registered() if not one.startswith("hub:"))
        return any(real.is_relative_to(folder) for folder in folders) and not self._is_private(real)

    def _checked(self, path: str) -> Path:
        try:
            found = Path(path.strip()).expanduser().resolve(strict=True)
            is_folder = found.is_dir()
            if is_folder:
                next(found.iterdir(), None)
            else:
                found.open("rb").close() if found.is_file() else None
        except FileNotFoundError as error:
            raise DatasetRefused(path=path, reason="It does not exist") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise DatasetRefused(path=path, reason=f"It cannot be read ({type(error).__name__})") from error
        if not path.strip():
            raise DatasetRefused(path=path, reason="The name is empty")
        if self._is_private(found):
            raise DatasetRefused(path=path, reason="It is inside a folder of the system, of secrets or of the studio")
        if not is_folder and not (found.is_file() and is_known(found)):
            raise DatasetRefused(path=path, reason="It is no file of a kind that can be read")
        return found

    def _is_private(self, path: Path) -> bool:
        if path.is_relative_to(self._own.resolve()):
            return False
        return any(path.is_relative_to(one.resolve()) for one in (*self._private, *_SYSTEM))


def _stored(dataset: StoredDataset, reading: Mapping[str, DatasetPart]) -> Listed:
    kind = Kind.SAMPLE if dataset.path.startswith(SAMPLE_PREFIX) else Kind.UPLOAD
    return Listed(_read_as(DatasetPart(path=dataset.path), reading), dataset.name, kind)


def _registered(part: DatasetPart, reading: Mapping[str, DatasetPart]) -> Listed:
    if part.hub_id is not None:
        return Listed(_read_as(part, reading), part.hub_id, Kind.HUB)
    path = Path(part.path)
    return Listed(_read_as(part, reading), path.name, Kind.FOLDER if path.is_dir() else Kind.FILE)


def _read_as(part: DatasetPart, reading: Mapping[str, DatasetPart]) -> DatasetPart:
    known = reading.get(part.path)
    return part if known is None else part.model_copy(update={"format": known.format, "columns": known.columns})


def _order(one: Listed) -> tuple[str, str]:
    return one.name.casefold(), one.path


def _parts(text: str | None) -> dict[str, DatasetPart]:
    """What was saved, by path; nothing of what cannot be read."""
    try:
        saved: Any = json.loads(text or "[]")
        parts = [DatasetPart.model_validate(item) for item in saved]
    except (ValueError, TypeError):
        return {}
    return {part.path: part for part in parts}
