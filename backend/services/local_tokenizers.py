"""LocalTokenizers: which base models on this machine can cut text into tokens without asking anybody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.catalog import DEMO_MODEL

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")
_HUB_FOLDER = "models--"
_BUILDS = f"{DEMO_MODEL}-"  # folders that DEMO_MODEL links to


@dataclass(frozen=True, slots=True)
class LocalTokenizer:
    """A base model with its tokenizer. `path` is what BaseModelChoice.path takes."""

    path: str
    title: str


class LocalTokenizers:
    """Looks into the workspace's models and the hub's cache; a few looks at folders, no file is read."""

    def __init__(self, models_folder: Path, hub_cache: Path) -> None:
        self._models = models_folder
        self._hub = hub_cache

    def list(self) -> Sequence[LocalTokenizer]:
        """The demo model first if it was built, then folders of the workspace, then the hub's cache, by name."""
        return [*self._own(), *self._cached()]

    def _own(self) -> Iterator[LocalTokenizer]:
        for folder in sorted(_folders(self._models), key=lambda path: (path.name != DEMO_MODEL, path.name)):
            if _is_model(folder) and not folder.name.startswith(_BUILDS):
                is_demo = folder.name == DEMO_MODEL
                yield LocalTokenizer(
                    DEMO_MODEL if is_demo else str(folder), "Demo model" if is_demo else f"{folder.name} (workspace)"
                )

    def _cached(self) -> Iterator[LocalTokenizer]:
        for folder in sorted(_folders(self._hub)):
            if folder.name.startswith(_HUB_FOLDER) and any(map(_is_model, _folders(folder / "snapshots"))):
                name = folder.name.removeprefix(_HUB_FOLDER).replace("--", "/")
                yield LocalTokenizer(name, f"{name} (in the hub's cache)")


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any((folder / name).is_file() for name in TOKENIZERS)
