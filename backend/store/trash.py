"""The trash folder: what was deleted lies here until a person empties it."""

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def put(path: Path, trash_folder: Path, name: str, ending: str = "") -> Path:
    """Move a file or folder by renaming it, whole or not at all; where it is now. Raises OSError.

    On another disk that fails (EXDEV): nothing is copied behind a person's back.
    """
    trash_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = trash_folder / f"{name}-{secrets.token_hex(2)}{ending}"
    return path.rename(target)


def is_on_same_disk(path: Path, trash_folder: Path) -> bool:
    """Whether renaming from one to the other is possible. Raises OSError if the path is gone."""
    existing = next(folder for folder in (trash_folder, *trash_folder.parents) if folder.exists())
    return path.stat().st_dev == existing.stat().st_dev


def size_bytes(folder: Path) -> int:
    """What a folder's files take, each file once however many names it has."""
    return sum({(one.st_dev, one.st_ino): one.st_size for one in _files(folder)}.values())


def freed_bytes(folder: Path) -> int:
    """What becomes free when a folder is erased: files that have no other name elsewhere, each once."""
    found = list(_files(folder))
    names = Counter((one.st_dev, one.st_ino) for one in found)
    alone = (one for one in found if one.st_nlink <= names[one.st_dev, one.st_ino])
    return sum({(one.st_dev, one.st_ino): one.st_size for one in alone}.values())


def _files(folder: Path) -> Iterator[os.stat_result]:
    """All files below a folder, links themselves; those that vanish meanwhile do not count."""
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                yield Path(root, name).lstat()


def empty(trash_folder: Path) -> int:
    """Erase everything in the trash for good; how many things could not be. The folder itself stays."""
    num_left = 0
    for path in list(trash_folder.iterdir()) if trash_folder.is_dir() else ():
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError:
            num_left += 1
    return num_left
