"""Folders: where everything of a workspace lies."""

import os
from pathlib import Path

from config.layered_settings import LayeredSettings

_SECRETS = (".ssh", ".gnupg", ".aws", ".kube", ".docker", ".config")


class Folders(LayeredSettings):
    """What follows from the workspace alone."""

    store_url: str

    @property
    def runs_folder(self) -> Path:
        """One folder per run."""
        return self.workspace / "runs"

    @property
    def datasets_folder(self) -> Path:
        """Uploads."""
        return self.workspace / "datasets"

    @property
    def models_folder(self) -> Path:
        """The demo model."""
        return self.workspace / "models"

    @property
    def cache_folder(self) -> Path:
        """What was computed from datasets and event files; it may be deleted at any time."""
        return self.workspace / "cache"

    @property
    def engine_state_file(self) -> Path:
        """Where the launcher tells of the dashboard."""
        return self.workspace / "engine_state.json"

    @property
    def presets_folder(self) -> Path:
        """People's own presets."""
        return self.workspace / "presets"

    @property
    def chats_folder(self) -> Path:
        """Conversations, prompt sets and what models answered to them."""
        return self.workspace / "chats"

    @property
    def memory_cache_folder(self) -> Path:
        """Traces of how much memory runs take, and what they took; may be deleted at any time."""
        return self.cache_folder / "memory"

    @property
    def steps_folder(self) -> Path:
        """Where three steps are taken to measure them; nothing stays in it."""
        return self.cache_folder / "steps"

    @property
    def curve_cache_folder(self) -> Path:
        """Curves of runs that no longer change."""
        return self.cache_folder / "curves"

    @property
    def private_folders(self) -> tuple[Path, ...]:
        """Folders with the studio's own files, or with a person's keys and tokens."""
        return (self.workspace, self.hub_folder, *(Path.home() / name for name in _SECRETS))

    @property
    def hub_folder(self) -> Path:
        """What the hub's libraries keep: models, datasets, a token."""
        return Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")

    @property
    def trash_folder(self) -> Path:
        """Deleted runs."""
        return self.workspace / "trash"

    @property
    def url(self) -> str:
        """The store's SQLAlchemy URL."""
        return self.store_url or f"sqlite:///{in_url(self.workspace / 'studio.db')}"


def in_url(path: Path) -> str:
    """A path as SQLAlchemy 2.1 reads it back from a URL: it decodes %XX, and a question mark begins options."""
    return str(path).replace("%", "%25").replace("?", "%3F")
