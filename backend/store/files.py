"""Small files that are replaced without ever being half-written."""

import errno
import os
import secrets
import stat
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


def append_line(path: Path, line: str, mode: int) -> None:
    """Add one line, durably and in one write; a last line that was torn is ended first. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, mode)
    try:
        size = os.fstat(handle).st_size
        is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        content = ("\n" * is_torn + line + "\n").encode()
        if os.write(handle, content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(handle)
    finally:
        os.close(handle)


def read_lines(path: Path) -> list[str]:
    """The lines that `append_line` has added; none without a file. What was torn stays in its own line."""
    try:
        return path.read_bytes().decode("utf-8", "replace").split("\n")
    except OSError:
        return []


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder durable (POSIX)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class FileTooLarge(OSError):
    """A file that is larger than anything of its kind; `strerror` says how large it may be."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(errno.EFBIG, f"it is larger than {most_bytes:,} bytes", str(path))


def read_bounded(path: Path, most_bytes: int) -> str:
    """The text of a stranger's file, which may be anything. Raises OSError, FileTooLarge, UnicodeDecodeError.

    What is no plain file, such as a pipe that would never end, is refused.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(handle, "rb") as file:  # noqa: PTH123 - it is open already
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise FileTooLarge(path, most_bytes)
    return content.decode("utf-8")


def read_text(path: Path) -> str | None:
    """A small file's text, or None if it is missing or not text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
