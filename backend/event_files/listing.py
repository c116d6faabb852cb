"""Which event files belong to a folder, and in which order they were written."""

import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_INFIX = "tfevents"
_IGNORED_SUFFIX = ".profile-empty"  # markers of TensorBoard's profiler
_TIMESTAMP = re.compile(r"tfevents\.(\d{1,18})")


@dataclass(frozen=True, slots=True)
class EventFile:
    """An event file: where it is, and its nested folder ("" for none) and name inside the folder."""

    path: Path
    group: str
    name: str

    @property
    def timestamp(self) -> int:
        """Seconds since the epoch by its name; 0 if the name has none."""
        match = _TIMESTAMP.search(self.path.name)
        return int(match[1]) if match else 0

    @property
    def relative(self) -> str:
        """The path inside the folder."""
        return f"{self.group}/{self.name}" if self.group else self.name


def event_files(folder: Path) -> list[EventFile]:
    """The event files in a folder and in the folders in it; links are followed only inside of it."""
    root = _resolved(folder)
    if root is None:
        return []
    entries = _entries(root)
    files = list(_files(root, entries, ""))
    for entry in entries:
        path = _inside(root, entry) if entry.is_symlink() or entry.is_dir() else None
        if path is not None and path != root and (not entry.is_symlink() or path.is_dir()):
            files += _files(root, _entries(path), entry.name)
    return list({file.path: file for file in reversed(files)}.values())[::-1]


def readable(name: str) -> str:
    r"""Bytes that are no UTF-8 are spelt like \xff, so that a name can be shown and printed."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def name_in_folder(group: str, tag: str, taken: Container[str]) -> str:
    """The tag, with its nested folder; "a//b" for b in a, if the folder itself has a tag "a/b"."""
    group = readable(group)
    name = f"{group}/{tag}" if group else tag
    while group and name in taken:
        name = name.replace(group, f"{group}/", 1)
    return name


def _files(root: Path, entries: Iterable["os.DirEntry[str]"], group: str) -> Iterator[EventFile]:
    for entry in entries:
        if _INFIX in entry.name and not entry.name.endswith(_IGNORED_SUFFIX):
            path = _inside(root, entry) if entry.is_symlink() or entry.is_file() else None
            if path is not None and (not entry.is_symlink() or path.is_file()):
                yield EventFile(path, group, entry.name)


def _inside(root: Path, entry: "os.DirEntry[str]") -> Path | None:
    """Where an entry really is, or None if that is outside of the root, or nowhere."""
    if not entry.is_symlink():
        return Path(entry.path)
    path = _resolved(Path(entry.path))
    return path if path is not None and path.is_relative_to(root) else None


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):  # missing, not allowed, or a circle of links
        return None


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
