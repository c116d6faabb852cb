"""A folder of links to log directories, with names that people know, for programs that show all of one folder."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

UNFIT = re.compile(r"[\x00-\x1f/\\]+")
LONGEST_NAME = 100


def key_of(directories: Mapping[str, Path]) -> str:
    """The same for the same set of directories, whatever they are called and wherever one stands."""
    text = "\n".join(sorted({str(path.absolute()) for path in directories.values()}))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def link_all(folder: Path, directories: Mapping[str, Path]) -> None:
    """Make the folder hold one link to each directory and no other; nothing but links is ever removed.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _named(directories)
    for link in folder.iterdir():
        if link.is_symlink() and wanted.get(link.name) != link.readlink():
            link.unlink()
    for name, target in wanted.items():
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(target, target_is_directory=True)


def _named(directories: Mapping[str, Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    taken: set[str] = set()  # some disks do not tell large letters from small ones
    for label, path in directories.items():
        name, number = _name(label), 1
        while name.casefold() in taken:
            number += 1
            name = f"{_name(label)} ({number})"
        taken.add(name.casefold())
        named[name] = path.absolute()
    return named


def _name(label: str) -> str:
    """One that a file may have; a dot at the beginning would hide it."""
    short = UNFIT.sub("-", label).strip(" .").encode("utf-8", "replace")[:LONGEST_NAME]
    return short.decode("utf-8", "ignore").strip(" .") or "run"
