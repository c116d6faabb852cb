"""ModelLibrary: the base models and foreign adapters of this machine, found in the background, and their deletion."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from backend.domain.clock import Clock
from backend.domain.model_facts import FolderFacts, Home, ModelFacts
from backend.domain.model_shelf import BaseModel, ForeignAdapter, ModelProbe, Removal, Shelf, Spot
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.services.gathering import Gathering
from backend.services.library_errors import ModelFolderRefused, ModelKept, ModelNotOnShelf, NotDeleted
from backend.store import trash
from backend.store.hub_cache import erase
from config.catalog import CatalogModel

LOOK_AGAIN_SECONDS = 30.0
_DRAFT = "models:folders"
_SYSTEM = tuple(Path(folder) for folder in ("/", "/proc", "/sys", "/dev"))
_Root = tuple[Path, Home, int]  # the number rises when it is time to look again


@dataclass(frozen=True, slots=True)
class ModelPlaces:
    """Where models are, and where deleted ones go. `private` are folders that are never registered."""

    workspace: Path
    hub: Path
    trash: Path
    private: tuple[Path, ...] = ()


class ModelLibrary:
    """Thread-safe. Nothing here waits for a disk: what is not known yet is being looked for meanwhile.

    A folder is read again when one of its files has changed, a place is looked through again after
    LOOK_AGAIN_SECONDS. `on_change` is called when a person has changed what there is.
    """

    def __init__(
        self,
        store: RunStore,
        probe: ModelProbe,
        clock: Clock,
        places: ModelPlaces,
        catalogue: Sequence[CatalogModel] = (),
    ) -> None:
        self._store = store
        self._clock = clock
        self._places = places
        self._catalogue = {model.id: model for model in catalogue}
        self.on_change: Callable[[], object] = lambda: None
        self._lock = Lock()
        self._round = 0
        self._round_ends = 0.0
        self._last: dict[tuple[Path, Home], Sequence[Spot]] = {}
        self._roots: Gathering[_Root, Sequence[Spot]] = Gathering(
            lambda root: probe.spots(root[0], root[1]), lambda _: (), most=1_000
        )
        self._folders: Gathering[Spot, FolderFacts] = Gathering(
            probe.read, lambda spot: FolderFacts(spot.folder, ModelFacts(problems=("the folder cannot be read",)))
        )

    def look(self) -> Shelf:
        """What is known by now; asking again later tells more."""
        spots, num_roots_left = self._spots()
        facts = self._folders.ask([spot for spot in spots if spot.signature is not None])
        return Shelf(
            models=self._models(spots, facts.known),
            adapters=tuple(
                ForeignAdapter(spot.folder, spot.home, Path(spot.name).name, found.adapter)
                for spot, found in facts.known.items()
                if found.adapter is not None
            ),
            num_left=num_roots_left + facts.num_left,
            num_found=len(spots),
        )

    def wait(self, seconds: float) -> None:
        """Until something more is known, or so long."""
        if self._roots.wait(seconds):
            self._folders.wait(seconds)

    def look_again(self) -> None:
        """Have every place looked through anew; what was found before does not count any more."""
        with self._lock:
            self._last.clear()
            self._round += 1
            self._round_ends = self._clock.monotonic() + LOOK_AGAIN_SECONDS

    def folders(self) -> tuple[Path, ...]:
        """The registered folders by path, whether they exist at the moment or not."""
        try:
            saved = json.loads(self._store.load_draft(_DRAFT) or "[]")
        except ValueError:
            return ()
        found = saved if isinstance(saved, list) else []
        return tuple(sorted({Path(path) for path in found if isinstance(path, str)}))

    def add_folder(self, path: str) -> Path:
        """Register a folder; adding it again is fine. Raises ModelFolderRefused."""
        folder = self._checked(path)
        self._save({*self.folders(), folder})
        return folder

    def remove_folder(self, folder: Path) -> None:
        """Look through a folder no more; nothing in it is touched."""
        self._save(set(self.folders()) - {folder})

    def removal(self, model_id: str) -> Removal:
        """What deleting a model would do. Raises ModelNotOnShelf."""
        model = self._model(model_id)
        if model.folder is None or model.home is Home.CATALOGUE:
            raise ModelNotOnShelf(model=model_id)
        if model.home is Home.FOLDER:
            return Removal(model, refusal="It lies in a folder that you registered, which the studio only reads.")
        if model.active:
            return Removal(model, refusal=f"Runs at work or waiting need it: {', '.join(model.active[:3])}.")
        cached = model.cached
        if cached is None and not self._is_own(model.folder):
            return Removal(model, refusal="Only a link in the workspace leads to it: remove the link.")
        if cached is None:
            return Removal(model, freed_bytes=trash.freed_bytes(model.folder))
        is_for_good = bool(cached.shared_bytes) or not trash.is_on_same_disk(cached.folder, self._places.trash)
        return Removal(model, is_for_good, cached.own_bytes + cached.unfinished_bytes, cached.shared_bytes)

    def delete(self, model_id: str, *, for_good: bool = False) -> Path | None:
        """Move a model to the trash and say where it is now, or erase it if that was agreed to.

        Raises ModelNotOnShelf, ModelKept, NotDeleted.
        """
        plan = self.removal(model_id)
        if plan.refusal:
            raise ModelKept(model=model_id, reason=plan.refusal)
        if plan.is_for_good and not for_good:
            raise ModelKept(model=model_id, reason="It can only be deleted for good, and nobody agreed to that.")
        try:
            return self._delete(plan)
        except OSError as error:
            raise NotDeleted(path=plan.model.folder, reason=error.strerror or error) from error
        finally:
            self.look_again()
            self.on_change()

    def _is_own(self, folder: Path) -> bool:
        """Whether it really lies in the workspace; the demo model is a link beside what it leads to."""
        return folder.resolve().is_relative_to(self._places.workspace.resolve())

    def _delete(self, plan: Removal) -> Path | None:
        cached, folder = plan.model.cached, plan.model.folder
        if plan.is_for_good and cached is not None:
            erase(cached)
            return None
        gone = cached.folder if cached is not None else folder
        assert gone is not None
        place = trash.put(gone.resolve(), self._places.trash, f"model-{gone.name}")
        if gone.is_symlink():
            gone.unlink()
        return place

    def _model(self, model_id: str) -> BaseModel:
        found = next((model for model in self.look().models if model.id == model_id), None)
        if found is None:
            raise ModelNotOnShelf(model=model_id)
        return found

    def _spots(self) -> tuple[list[Spot], int]:
        """What was found last in each place, and how many places are being looked through."""
        now = self._clock.monotonic()
        with self._lock:
            if now >= self._round_ends:
                self._round, self._round_ends = self._round + 1, now + LOOK_AGAIN_SECONDS
            number = self._round
        folders = ((folder, Home.FOLDER) for folder in self.folders())
        places = [(self._places.workspace, Home.WORKSPACE), (self._places.hub, Home.HUB), *folders]
        found = self._roots.ask([(*place, number) for place in places])
        with self._lock:
            self._last |= {(root, home): spots for (root, home, _), spots in found.known.items()}
            unknown = sum(place not in self._last for place in places)
            spots = [spot for place in places for spot in self._last.get(place, ())]
        return list({spot.folder: spot for spot in reversed(spots)}.values())[::-1], unknown

    def _models(self, spots: Sequence[Spot], facts: Mapping[Spot, FolderFacts]) -> tuple[BaseModel, ...]:
        """Those that are here by name, then what the catalogue offers besides."""
        users = _users(self._store.list())
        here = {}
        for spot in spots:
            found = facts.get(spot)
            if spot.cached is not None or (found is not None and found.model is not None):
                if found is not None and found.adapter is not None:
                    continue
                here[spot.name] = self._base(spot, found.model if found else None, users)
        offered = (
            BaseModel(one.id, Home.CATALOGUE, None, listed=one, runs=tuple(run.id for run in users.get(one.id, ())))
            for one in self._catalogue.values()
            if one.id not in here
        )
        return (*sorted(here.values(), key=lambda model: model.title.casefold()), *offered)

    def _base(self, spot: Spot, facts: ModelFacts | None, users: Mapping[str, Sequence[Run]]) -> BaseModel:
        names = dict.fromkeys((spot.name, str(spot.folder)))
        runs = [run for name in names for run in users.get(name, ())]
        return BaseModel(
            id=spot.name,
            home=spot.home,
            folder=spot.folder,
            facts=facts,
            cached=spot.cached,
            listed=self._catalogue.get(spot.name),
            runs=tuple(run.id for run in runs),
            active=tuple(run.id for run in runs if run.is_active),
        )

    def _save(self, folders: set[Path]) -> None:
        self._store.save_draft(_DRAFT, json.dumps(sorted(str(folder) for folder in folders)))
        self.look_again()
        self.on_change()

    def _checked(self, path: str) -> Path:
        if not path.strip():
            raise ModelFolderRefused(path=path, reason="The name is empty")
        try:
            folder = Path(path.strip()).expanduser().resolve(strict=True)
            next(folder.iterdir(), None)
        except (OSError, RuntimeError, ValueError) as error:
            reason = f"It cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})"
            raise ModelFolderRefused(path=path, reason=reason) from error
        if folder in _SYSTEM or any(folder.is_relative_to(one) for one in (*_SYSTEM[1:], *self._private())):
            raise ModelFolderRefused(path=path, reason="It is a folder of the system, of secrets or of the studio")
        return folder

    def _private(self) -> Iterable[Path]:
        return (folder.resolve() for folder in self._places.private)


def _users(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs by the base model that they were told, newest first."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.base_model, []).append(run)
    return found
