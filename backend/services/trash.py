"""TrashService: erasing for good what was deleted, when a person asks for it."""

from pathlib import Path

from backend.services.library_errors import NotDeleted
from backend.store import trash


class TrashService:
    """The one place where the studio erases what a person has made. Holds no state."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def empty(self) -> int:
        """Erase everything in the trash; the bytes that became free. Raises NotDeleted if something stays."""
        before = trash.freed_bytes(self._folder)
        if num_left := trash.empty(self._folder):
            raise NotDeleted(path=self._folder, reason=f"{num_left:,} things in it stay")
        return before
