"""The Hugging Face hub's cache as it lies on the disk: which models, which commits, how large, what is unfinished.

Layout: models--ORG--NAME/{refs/BRANCH, snapshots/COMMIT/FILE -> blobs/ETAG, blobs/ETAG}. A blob may itself be a link
into blobs/ beside the models, which several of them share (huggingface_hub 2, `_shared_blobs.py`).
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from backend.domain.model_shelf import CachedModel

PREFIX = "models--"
COMMIT = re.compile(r"^[0-9a-f]{40}$")
MOST_MODELS, MOST_COMMITS, MOST_BLOBS = 2_000, 50, 20_000
MOST_REF_BYTES = 200
_UNFINISHED = ".incomplete"


def hub_cache(environment: Mapping[str, str], home: Path) -> Path:
    """Where huggingface_hub keeps its models, by its own rules (`constants.py` there)."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(name):
            return Path(environment[name]).expanduser()
    cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return Path(environment.get("HF_HOME") or cache / "huggingface").expanduser() / "hub"


def cached_models(cache: Path) -> Iterator[CachedModel]:
    """The models of a cache by name; nothing if there is no cache, and nothing of what may not be read."""
    try:
        names = sorted(entry.name for entry in os.scandir(cache) if entry.name.startswith(PREFIX))
    except OSError:
        return
    for name in names[:MOST_MODELS]:
        try:
            if (cache / name).is_dir():
                yield read_cached(cache / name)
        except OSError:
            continue


def read_cached(folder: Path) -> CachedModel:
    """One model's folder of the cache. Raises OSError."""
    commits = _commits(folder)
    own, shared, num_unfinished, unfinished = _blobs(folder)
    return CachedModel(
        id=folder.name.removeprefix(PREFIX).replace("--", "/"),
        folder=folder,
        snapshot=folder / "snapshots" / commits[0] if commits else None,
        commits=tuple(commits),
        own_bytes=own + _plain_files(folder, commits),
        shared_bytes=shared,
        num_unfinished=num_unfinished,
        unfinished_bytes=unfinished,
    )


def _commits(folder: Path) -> list[str]:
    """The one that main names first, then newest first."""
    try:
        entries = [entry for entry in os.scandir(folder / "snapshots") if COMMIT.match(entry.name) and entry.is_dir()]
    except OSError:
        return []
    main = _main(folder)
    entries.sort(key=lambda entry: (entry.name != main, -entry.stat().st_mtime, entry.name))
    return [entry.name for entry in entries[:MOST_COMMITS]]


def _main(folder: Path) -> str:
    try:
        with (folder / "refs" / "main").open("rb") as file:
            return file.read(MOST_REF_BYTES).decode("ascii", "replace").strip()
    except OSError:
        return ""


def _blobs(folder: Path) -> tuple[int, int, int, int]:
    """Own bytes, shared bytes, unfinished files and their bytes."""
    own = shared = num_unfinished = unfinished = 0
    cache = folder.resolve().parent
    for entry in _entries(folder / "blobs"):
        if entry.name.endswith(_UNFINISHED):
            num_unfinished += 1
            unfinished += _size(Path(entry.path))
        elif not entry.is_symlink():
            own += _size(Path(entry.path))
        elif Path(entry.path).resolve().is_relative_to(cache):
            shared += _size(Path(entry.path))
    return own, shared, num_unfinished, unfinished


def _plain_files(folder: Path, commits: list[str]) -> int:
    """Where links are not possible, the files lie in the snapshots themselves."""
    entries = (entry for commit in commits for entry in _entries(folder / "snapshots" / commit))
    return sum(_size(Path(entry.path)) for entry in entries if entry.is_file(follow_symlinks=False))


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from islice(entries, MOST_BLOBS)
    except OSError:
        return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def erase(model: CachedModel) -> None:
    """Remove a model from the cache for good. Raises OSError.

    Blobs that it shares are left to the hub's own library, which knows whether another model needs them.
    """
    if model.shared_bytes:
        from huggingface_hub import scan_cache_dir  # noqa: PLC0415 - half a second, for what is rarely done

        scan_cache_dir(model.folder.parent).delete_revisions(*model.commits).execute()
    if model.folder.is_dir():
        shutil.rmtree(model.folder)
