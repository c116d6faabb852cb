"""Folders that appear whole or not at all: written beside their place, synced, then renamed."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.store.checkpoints import STAGING
from backend.store.files import sync_folder
from backend.store.leftovers import DELETING
from backend.trainer.errors import write_error


@contextmanager
def staged(target: Path, *, before_rename: Callable[[Path], None]) -> Iterator[Path]:
    """A folder to fill; on success it is synced and becomes `target`, on failure it is removed.

    `before_rename` gets the filled, synced folder and may add a last file or raise. Raises DiskFull or
    NotWritten in place of the many exceptions that writers have for them.
    """
    folder = target.parent / f"{STAGING}{target.name}-{os.getpid()}"
    try:
        folder.mkdir()
        yield folder
        sync_tree(folder)
        before_rename(folder)
        folder.rename(target)
        sync_folder(target.parent)
    except Exception as error:
        wrong = write_error(error, target.name, target.parent)
        shutil.rmtree(folder, ignore_errors=True)
        if wrong is None:
            raise
        raise wrong from error


def sync_tree(folder: Path) -> None:
    """Fsync every file and folder below, and the folder itself."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)


def remove(folder: Path) -> None:
    """Delete a folder so that a crash halfway leaves nothing under its name."""
    doomed = folder.with_name(f"{DELETING}{folder.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def quarantine(folder: Path) -> Path:
    """Move a damaged folder out of the way, to `<name>.corrupt` or a numbered one, and say where."""
    target = folder.with_name(f"{folder.name}.corrupt")
    number = 2
    while target.exists():
        target = folder.with_name(f"{folder.name}.corrupt-{number}")
        number += 1
    folder.rename(target)
    return target
