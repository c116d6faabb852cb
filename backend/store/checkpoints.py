"""Which checkpoints of a run may be trusted: a checkpoint is valid only with its manifest, written last."""

import hashlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

MANIFEST = "MANIFEST.json"
STAGING = ".staging-"  # begins the name of a folder that is not whole yet
FOLDER = re.compile(r"^checkpoint-(\d{1,12})$")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A sealed checkpoint: all that a later attempt needs to go on exactly."""

    step: int
    path: Path


def sealed(folder: Path) -> list[Checkpoint]:
    """Checkpoints that have a manifest, newest first; their bytes are not verified."""
    if not folder.is_dir():
        return []
    found = [
        Checkpoint(int(match[1]), path)
        for path in folder.iterdir()
        if (match := FOLDER.match(path.name)) and (path / MANIFEST).is_file() and not path.is_symlink()
    ]
    return sorted(found, key=lambda checkpoint: -checkpoint.step)


def write_manifest_text(folder: Path, step: int) -> str:
    """The manifest of everything in a folder: size in bytes and SHA-256 of each file."""
    files = {
        str(path.relative_to(folder)): {"bytes": path.stat().st_size, "sha256": digest(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    return json.dumps({"version": 1, "step": step, "files": files}, indent=1)


def damage(checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint cannot be trusted, or None if each byte is as it was sealed."""
    try:
        manifest = json.loads((checkpoint.path / MANIFEST).read_text(encoding="utf-8"))
        files: dict[str, dict[str, object]] = manifest["files"]
        if manifest["step"] != checkpoint.step or not files:
            return "its manifest belongs to another step"
        for name, expected in files.items():
            path = checkpoint.path / name
            if not path.resolve().is_relative_to(checkpoint.path.resolve()):
                return f"its manifest names {name!r} outside of it"
            if not path.is_file():
                return f"{name} is missing"
            if path.stat().st_size != expected["bytes"] or digest(path) != expected["sha256"]:
                return f"{name} is not as it was written"
        return _stranger(checkpoint.path, files.keys())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its manifest cannot be read ({type(error).__name__})"


def _stranger(folder: Path, names: Collection[str]) -> str | None:
    """What lies in a checkpoint without being sealed with it."""
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink() or (path.is_file() and name not in names and name != MANIFEST):
            return f"{name} was not sealed with it"
    return None


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def all_folders(folder: Path) -> list[Checkpoint]:
    """Every checkpoint-N folder, sealed or not, newest first; links are none."""
    if not folder.is_dir():
        return []
    found = [
        Checkpoint(int(match[1]), path)
        for path in folder.iterdir()
        if (match := FOLDER.match(path.name)) and path.is_dir() and not path.is_symlink()
    ]
    return sorted(found, key=lambda checkpoint: -checkpoint.step)
