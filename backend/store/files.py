"""Small files that are replaced without ever being half-written."""

import os
import secrets
from pathlib import Path


def replace_text(path: Path, text: str, mode: int | None = None) -> None:
    """Replace a file atomically and durably: temporary file, fsync, rename, fsync of the folder.

    With a `mode`, nobody sees the text under other rights.
    """
    replace_bytes(path, text.encode("utf-8"), mode)


def replace_bytes(path: Path, data: bytes, mode: int | None = None) -> None:
    """The same for bytes."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable (POSIX)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path) -> str | None:
    """A small file's text, or None if it is missing or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
