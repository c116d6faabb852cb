"""Which files a folder's curves come from, so exactly that any change of them shows."""

from dataclasses import dataclass
from pathlib import Path

from backend.event_files.listing import event_files


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """An event file by its place in the folder and on the disk; times in nanoseconds since the epoch.

    `changed_ns` (ctime) also moves when a file is rewritten in place and its mtime is set back.
    """

    relative: str
    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class FolderIdentity:
    """All event files of a folder; empty if there are none, or it is gone."""

    files: tuple[FileIdentity, ...]

    def is_quiet(self, now_seconds: float, for_seconds: float) -> bool:
        """Whether nothing has changed for so long; not if a file comes from the future."""
        newest = max((max(file.modified_ns, file.changed_ns) for file in self.files), default=0)
        return newest / 1e9 + for_seconds <= now_seconds

    def encoded(self) -> bytes:
        """The same bytes for equal identities only."""
        return repr(self.files).encode()


def identify(folder: Path) -> FolderIdentity:
    """What the event files of a folder are at this moment, by one stat for each."""
    found = []
    for file in event_files(folder):
        try:
            status = file.path.lstat()
        except OSError:
            continue  # gone since it was listed
        found.append(
            FileIdentity(
                file.relative,
                status.st_dev,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
            )
        )
    return FolderIdentity(tuple(found))
