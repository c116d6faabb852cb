"""The presets that people make themselves: one YAML file each in a folder of the workspace."""

import logging
import os
import re
import secrets
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.errors import NotFoundError, StorageError, UsageError
from backend.store import trash
from backend.store.files import read_text, replace_text
from config.preset_tags import tags_in, with_tags
from config.yaml_files import YamlError, dump_yaml, read_yaml

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
ENDING = ".yaml"
Version = tuple[tuple[str, int, int], ...]


class PresetNameRefused(UsageError):
    """A name that no preset can have."""

    id = "preset-name-refused"
    what = "A preset cannot be called {name}."
    why = "{reason}."
    fix = "Take lower-case letters, digits and hyphens, up to 64, and no name of a shipped preset."


class PresetExists(UsageError):
    """A preset that would be overwritten."""

    id = "preset-exists"
    what = "There is already a preset {name}."
    why = "A preset is never overwritten without being asked for: {path}."
    fix = "Choose another name, or say that the old one is to be replaced."


class PresetNotKept(StorageError):
    """A preset that could not be written."""

    id = "preset-not-kept"
    what = "The preset {name} was not kept."
    why = "It could not be written to {folder}: {reason}."
    fix = "Make room on the disk, or give yourself the right to write there; then make it again."


class PresetNotFound(NotFoundError):
    """A preset of one's own that is not there (any more)."""

    id = "preset-not-found"
    what = "There is no preset {name} of yours."
    why = "Its file is not in {folder}; presets that ship with the studio cannot be renamed or deleted."
    fix = "Look at the list of presets on the Train page."


class OwnPresets:
    """Reads and writes them. `shipped` names are taken; `on_change` is called after each change that was made here."""

    def __init__(self, folder: Path, shipped: Container[str], trash_folder: Path) -> None:
        self._folder = folder
        self._shipped = shipped
        self._trash = trash_folder
        self.on_change: Callable[[], object] = lambda: None

    def read(self) -> dict[str, dict[str, Any]]:
        """By name, sorted. A file that cannot be read as a preset is left out, and the log says so."""
        found = {}
        for path in self._paths():
            try:
                preset = read_yaml(path)
            except (OSError, YamlError) as error:
                logging.getLogger(__name__).warning("the preset %s is left out: %s", path, error)
                continue
            if isinstance(preset, dict) and path.stem not in self._shipped:
                found[path.stem] = preset
        return found

    def version(self) -> Version:
        """Changes whenever one of the files does."""
        found = []
        with suppress(OSError), os.scandir(self._folder) as entries:  # each draw of the form asks
            for entry in entries:
                if entry.name.endswith(ENDING) and NAME.fullmatch(entry.name.removesuffix(ENDING)):
                    with suppress(OSError):
                        seen = entry.stat()
                        found.append((entry.name, seen.st_size, seen.st_mtime_ns))
        return tuple(sorted(found))

    def tags(self) -> dict[str, tuple[str, ...]]:
        """The tags by name; of a file that cannot be read, none."""
        return {path.stem: tags_in(read_text(path) or "") for path in self._paths() if path.stem not in self._shipped}

    def tag(self, name: str, tags: Iterable[str]) -> None:
        """Give a preset these tags in place of those that it had. Raises PresetNotFound, PresetNotKept."""
        path = self._known(name)
        text = read_text(path)
        if text is None:
            raise PresetNotKept(name=name, folder=self._folder, reason="it is no text")
        try:
            replace_text(path, with_tags(text, tags))
        except OSError as error:
            raise PresetNotKept(name=name, folder=self._folder, reason=error.strerror or error) from error
        self.on_change()

    def write(self, name: str, preset: Mapping[str, Any], *, replaces: bool = False, tags: Iterable[str] = ()) -> Path:
        """Keep a preset; where it is now. Raises PresetNameRefused, PresetExists, PresetNotKept."""
        self._check(name)
        path = self._folder / f"{name}{ENDING}"
        try:
            self._keep(path, with_tags(dump_yaml(dict(preset)), tags), replaces=replaces)
        except OSError as error:
            if isinstance(error, FileExistsError) and self._folder.is_dir():
                raise PresetExists(name=name, path=path) from error
            raise PresetNotKept(name=name, folder=self._folder, reason=error.strerror or error) from error
        self.on_change()
        return path

    def rename(self, name: str, new_name: str) -> Path:
        """Call a preset otherwise; where it is now. Raises PresetNotFound and as `write`."""
        self._check(new_name)
        old, new = self._known(name), self._folder / f"{new_name}{ENDING}"
        try:
            os.link(old, new)  # fails if there is one, also one that was made this very moment
            old.unlink()
        except FileExistsError as error:
            raise PresetExists(name=new_name, path=new) from error
        except OSError as error:
            raise PresetNotKept(name=new_name, folder=self._folder, reason=error.strerror or error) from error
        self.on_change()
        return new

    def delete(self, name: str) -> Path:
        """Move a preset to the trash; where it is now. Raises PresetNotFound, PresetNotKept."""
        path = self._known(name)
        try:
            target = trash.put(path, self._trash, f"preset-{name}", ENDING)
        except OSError as error:
            raise PresetNotKept(name=name, folder=self._trash, reason=error.strerror or error) from error
        self.on_change()
        return target

    def _known(self, name: str) -> Path:
        path = self._folder / f"{name}{ENDING}"
        if not NAME.fullmatch(name) or name in self._shipped or not path.is_file():
            raise PresetNotFound(name=name[:80] or '""', folder=self._folder)
        return path

    def _keep(self, path: Path, text: str, *, replaces: bool) -> None:
        """Raises FileExistsError if there is one, also one that was made this very moment."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        staging = self._folder / f".{path.stem}-{secrets.token_hex(8)}"
        try:
            _write(staging, text)
            if replaces:
                staging.replace(path)
            else:
                _put(staging, path, text)
        finally:
            staging.unlink(missing_ok=True)

    def _paths(self) -> list[Path]:
        return sorted(path for path in self._folder.glob(f"*{ENDING}") if NAME.fullmatch(path.stem))

    def _check(self, name: str) -> None:
        if not NAME.fullmatch(name):
            raise PresetNameRefused(name=name[:80] or '""', reason="It becomes the name of a file")
        if name in self._shipped:
            raise PresetNameRefused(name=name, reason="A preset of this name ships with the studio")


def suggested_name(text: str) -> str:
    """A name that a preset can have, made of any text; "" if nothing of it is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:64].strip("-")


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _put(staging: Path, path: Path, text: str) -> None:
    """The whole file at once, unless there is one; on disks without hard links written in place."""
    try:
        os.link(staging, path)
    except FileExistsError:
        raise
    except OSError:
        _write(path, text)
