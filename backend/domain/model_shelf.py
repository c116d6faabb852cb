"""What stands on this machine's shelf of models: places that were looked through, and what was found there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.domain.model_facts import NOT_STATED, AdapterFacts, FolderFacts, Home, ModelFacts
from config.catalog import CatalogModel

Signature = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class CachedModel:
    """One model of the hub's cache. `snapshot` is the commit of main, else the newest; None if none is there.

    `own_bytes` lie in the model's own folder, `shared_bytes` where other models may need them too; each blob is
    counted once, however many commits have it. `unfinished_bytes` were fetched of files that are not complete.
    """

    id: str
    folder: Path
    snapshot: Path | None
    commits: tuple[str, ...]
    own_bytes: int
    shared_bytes: int
    num_unfinished: int
    unfinished_bytes: int

    @property
    def size_bytes(self) -> int:
        """All of it."""
        return self.own_bytes + self.shared_bytes + self.unfinished_bytes


@dataclass(frozen=True, slots=True)
class Spot:
    """A folder that may hold a model or an adapter. `fence` is where its links may lead.

    `signature` changes whenever one of its files does; None if the folder has no files to read yet.
    """

    name: str
    home: Home
    folder: Path
    fence: Path
    signature: Signature | None
    cached: CachedModel | None = None


class ModelProbe(Protocol):
    """Looks through places on disks; each call may take as long as a slow disk does."""

    def spots(self, root: Path, home: Home) -> Sequence[Spot]:
        """The folders of a place that may hold something; nothing if it does not exist."""

    def read(self, spot: Spot) -> FolderFacts:
        """What one holds; what cannot be read is said in its problems."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model. `id` is what RunConfig.base_model.path takes; `folder` is None where it is not downloaded.

    `runs` are the ids of the runs that were told to use it, newest first, and `active` those of them at work.
    """

    id: str
    home: Home
    folder: Path | None
    facts: ModelFacts | None = None
    cached: CachedModel | None = None
    listed: CatalogModel | None = None
    runs: tuple[str, ...] = ()
    active: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What people call it: the catalogue's title, the hub id, the folder's name."""
        if self.listed is not None:
            return self.listed.title
        return Path(self.id).name if self.home in (Home.FOLDER, Home.WORKSPACE) else self.id

    @property
    def size_bytes(self) -> int | None:
        """What it takes on the disk; None if nothing is here."""
        if self.cached is not None:
            return self.cached.size_bytes
        return self.facts.size_bytes if self.facts else None

    @property
    def licence(self) -> str:
        """As its files state it, else the catalogue."""
        stated = self.facts.licence if self.facts else NOT_STATED
        return self.listed.licence if stated == NOT_STATED and self.listed else stated

    @property
    def is_here(self) -> bool:
        """Whether there are weights to train on."""
        return self.facts is not None and self.facts.weights.are_whole


@dataclass(frozen=True, slots=True)
class ForeignAdapter:
    """An adapter that no run of this store made."""

    folder: Path
    home: Home
    name: str
    facts: AdapterFacts


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is known by now; `num_left` places and folders are still being looked through."""

    models: tuple[BaseModel, ...] = ()
    adapters: tuple[ForeignAdapter, ...] = ()
    num_left: int = 0
    num_found: int = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """What deleting a model would do. `refusal` says why it is not possible, else it is "".

    `is_for_good`: it cannot go to the trash without being copied to another disk. `freed_bytes` become free, at once
    or when the trash is emptied; `kept_bytes` stay, since other models share them.
    """

    model: BaseModel
    is_for_good: bool = False
    freed_bytes: int = 0
    kept_bytes: int = 0
    refusal: str = ""
