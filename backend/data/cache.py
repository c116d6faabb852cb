"""What was computed from a dataset once and may be computed again: folders that appear whole or not at all."""

import errno
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from backend.data.errors import CacheNotWritten
from backend.errors import StudioError

ABOUT = "about.json"
STAGING = ".staging-"
STALE_SECONDS = 7 * 24 * 3600  # nobody fills a folder for a week
About = Mapping[str, Any]
Kept = TypeVar("Kept")


def key_of(*parts: object) -> str:
    """64 hexadecimal digits that differ where a part differs; parts are what JSON can hold."""
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def kept(
    place: Path | None, key: str, fill: Callable[[Path], dict[str, Any]], take: Callable[[Path, About], Kept]
) -> Kept:
    """What `take` makes of the folder `place`/`key`, which `fill` fills and describes if it is not there and whole.

    What `take` opens must live on when the folder is deleted, as a memory map does; without a place it always is.
    A damaged folder is filled again. Programs that fill the same one at the same time all end right.
    Raises CacheNotWritten, and whatever `fill` raises; then nothing is left.
    """
    if place is None:
        with tempfile.TemporaryDirectory(prefix="peft-studio-") as name:
            return take(Path(name), fill(Path(name)))
    target = place / key
    while True:
        about = read_about(target)
        if about is None:
            _make(target, fill)
            continue
        try:
            return take(target, about)
        except FileNotFoundError:  # cleared meanwhile
            continue


def read_about(folder: Path) -> About | None:
    """What `fill` said of a folder; None unless every file has the size and SHA-256 that were written down."""
    try:
        told = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        files, about = told["files"], told["about"]
        is_whole = all(_mark(folder / name) == tuple(mark) for name, mark in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return about if is_whole and isinstance(about, dict) else None


def _mark(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _make(target: Path, fill: Callable[[Path], dict[str, Any]]) -> None:
    folder = target.parent / f"{STAGING}{target.name[:16]}-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        folder.mkdir(mode=0o700, parents=True)
        sweep(target.parent)
        about = fill(folder)
        files = {path.name: _mark(path) for path in folder.iterdir()}
        (folder / ABOUT).write_text(json.dumps({"files": files, "about": about}), encoding="utf-8")
        _sync(folder)
        _rename(folder, target)
    except StudioError:
        raise
    except OSError as error:
        raise CacheNotWritten(folder=target.parent, reason=error.strerror or error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rename(folder: Path, target: Path) -> None:
    """Another program's whole folder stays; a damaged one makes way."""
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if read_about(target) is not None:
            return
        doomed = folder.with_name(f"{folder.name}-damaged")
        target.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
        _rename(folder, target)


def _sync(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(place: Path) -> None:
    """Remove what killed programs left half-filled long ago."""
    for leftover in place.glob(f"{STAGING}*"):
        try:
            is_stale = time.time() - leftover.stat().st_mtime > STALE_SECONDS
        except OSError:
            continue
        if is_stale:
            shutil.rmtree(leftover, ignore_errors=True)
