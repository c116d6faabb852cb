"""LocalModels: the models and adapters of folders and of the hub's cache, on this machine's disks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.domain.model_facts import FolderFacts, Home
from backend.domain.model_shelf import Spot
from backend.store.hub_cache import cached_models
from backend.store.model_folders import folders_below, read_folder, signature

DEMO = "demo"  # the studio's own model has a name instead of a path


class LocalModels:
    """The ModelProbe over local folders. Holds no state."""

    def spots(self, root: Path, home: Home) -> Sequence[Spot]:
        """The folders of a place that may hold something; nothing if it does not exist."""
        return tuple(_cached(root) if home is Home.HUB else _plain(root, home))

    def read(self, spot: Spot) -> FolderFacts:
        """What one holds. Raises OSError if the folder is gone."""
        return read_folder(spot.folder, spot.fence)


def _cached(cache: Path) -> Iterator[Spot]:
    for model in cached_models(cache):
        folder = model.snapshot or model.folder
        signed = None if model.snapshot is None else signature(folder)
        yield Spot(model.id, Home.HUB, folder, cache, signed, model)


def _plain(root: Path, home: Home) -> Iterator[Spot]:
    for folder in folders_below(root):
        name = DEMO if home is Home.WORKSPACE and folder == root / DEMO else str(folder)
        yield Spot(name, home, folder, root, signature(folder))
