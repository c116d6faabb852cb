"""ModelFiles: what the files of a base model on this machine tell, remembered until they change."""

import threading
from collections import OrderedDict
from pathlib import Path

from backend.domain.run_config import HUB_ID, BaseModelChoice
from backend.store.base_model_facts import ModelFacts, cached_model, model_facts, model_folder
from backend.store.model_folders import signature
from config.catalog import DEMO_MODEL

MOST_MODELS = 32


class ModelFiles:
    """Thread-safe; `models_folder` is where the demo model is made."""

    def __init__(self, models_folder: Path) -> None:
        self._models_folder = models_folder
        self._lock = threading.Lock()
        self._facts: OrderedDict[Path, tuple[object, ModelFacts | None]] = OrderedDict()

    def facts(self, path: str, revision: str | None, base: Path) -> ModelFacts | None:
        """What the files of a base model tell, None where there are none on this machine."""
        folder = self.folder(path, revision, base)
        if folder is None:
            return None
        try:
            version = signature(folder)
        except OSError:
            return None
        with self._lock:
            known = self._facts.get(folder)
        if known is None or known[0] != version:
            known = version, model_facts(folder)
        with self._lock:
            self._facts[folder] = known
            self._facts.move_to_end(folder)
            while len(self._facts) > MOST_MODELS:
                self._facts.popitem(last=False)
        return known[1]

    def folder(self, path: str, revision: str | None, base: Path) -> Path | None:
        """Where a base model lies on this machine, None if it does not."""
        if path == DEMO_MODEL:
            folder = self._models_folder / DEMO_MODEL
            return folder.resolve() if (folder / "config.json").is_file() else None
        return model_folder(path, base) or (cached_model(path, revision) if HUB_ID.match(path) else None)

    def placed(self, choice: BaseModelChoice) -> BaseModelChoice:
        """The choice as programs understand it that do not know the workspace: the demo model by its folder."""
        if choice.path != DEMO_MODEL:
            return choice
        return choice.model_copy(update={"path": str((self._models_folder / DEMO_MODEL).resolve())})

    def version(self, choice: BaseModelChoice, base: Path) -> object:
        """Changes with the files of a model that lies in a folder; None for one of the hub, whose commit is fixed."""
        folder = model_folder(choice.path, base)
        try:
            return signature(folder) if folder else None
        except OSError:
            return None
