"""Reading a folder as a base model or an adapter: small files within bounds, headers of weights, nothing executed."""

import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from backend.domain.model_facts import FolderFacts, Tensor, Texts, Weights, adapter_facts, model_facts, weights_of
from backend.store.weight_headers import HeaderUnreadable, read_header

MOST_JSON_BYTES = 20_000_000  # tokenizers of large vocabularies are JSON, too, but are not read
MOST_TEXT_BYTES = 65_536
MOST_HEADER_BYTES = 25_000_000
MOST_FILES = 2_000
MOST_PROBLEMS = 5
INDEX, WEIGHTS, ADAPTER_WEIGHTS = "model.safetensors.index.json", "model.safetensors", "adapter_model.safetensors"
CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING")


class FolderReader:
    """One folder. A file that leads out of `fence` is named and not read: a model may bring links along."""

    def __init__(self, folder: Path, fence: Path) -> None:
        self._folder = folder
        self._fence = fence.resolve()
        self._problems: list[str] = []
        self._names = _names(folder)

    def facts(self) -> FolderFacts:
        """What it holds, with what could not be read of it."""
        if ADAPTER_CONFIG in self._names:
            texts = Texts(adapter=self._json(ADAPTER_CONFIG), readme=self._text("README.md"))
            weights = self._weights([ADAPTER_WEIGHTS])
            found = adapter_facts(texts, weights, self.size_bytes(), self._problems[:MOST_PROBLEMS])
            return FolderFacts(self._folder, adapter=found)
        if CONFIG not in self._names:
            return FolderFacts(self._folder)
        texts = Texts(
            config=self._json(CONFIG),
            tokenizer=self._json("tokenizer_config.json") if "tokenizer_config.json" in self._names else None,
            readme=self._text("README.md"),
            licence_file=next((text for name in LICENCES if (text := self._text(name)) is not None), None),
            has_template_file=not {"chat_template.jinja", "chat_template.json"}.isdisjoint(self._names),
        )
        weights = self._weights(self._weight_files())
        return FolderFacts(self._folder, model_facts(texts, weights, self.size_bytes(), self._problems[:MOST_PROBLEMS]))

    def size_bytes(self) -> int:
        """Of all its files, each once, links counted with what they lead to inside the fence."""
        sizes = {}
        for name in islice(_files_below(self._folder), MOST_FILES):
            with suppress(OSError):
                path = self._inside(name)
                found = path.stat() if path is not None else None
                if found is not None and stat.S_ISREG(found.st_mode):
                    sizes[found.st_dev, found.st_ino] = found.st_size
        return sum(sizes.values())

    def _weight_files(self) -> Sequence[str]:
        """What transformers would load: the parts of the index, or the one file, or whatever there is."""
        if INDEX in self._names:
            index = self._json(INDEX) or {}
            parts = index.get("weight_map")
            return sorted({str(name) for name in parts.values()}) if isinstance(parts, dict) else ()
        if WEIGHTS in self._names:
            return (WEIGHTS,)
        found = [name for name in self._names if name.endswith(".safetensors")]
        if not found:
            pickled = any(name.endswith(PICKLES) for name in self._names)
            self._problems.append("only pickled weights, which are never read" if pickled else "no weights")
        return found

    def _weights(self, names: Sequence[str]) -> Weights:
        tensors: dict[str, Tensor] = {}
        num_missing = 0
        for name in names[:MOST_FILES]:
            try:
                tensors |= self._tensors(name)
            except (OSError, HeaderUnreadable) as error:
                num_missing += 1
                self._problems.append(f"{name[:80]}: {_reason(error)}")
        return weights_of(tensors, min(len(names), MOST_FILES) - num_missing, num_missing)

    def _tensors(self, name: str) -> Mapping[str, Tensor]:
        """What one file lists. Raises OSError, HeaderUnreadable."""
        path = self._inside(name)
        if path is None or not path.is_file():
            raise HeaderUnreadable("it is missing")
        header = read_header(path, MOST_HEADER_BYTES)
        if header.missing_bytes:
            raise HeaderUnreadable(f"{header.missing_bytes:,} bytes are missing at its end")
        return header.tensors

    def _json(self, name: str) -> dict[str, Any] | None:
        content = self._bytes(name, MOST_JSON_BYTES)
        try:
            value = json.loads(content) if content is not None else None
        except (ValueError, RecursionError) as error:
            self._problems.append(f"{name}: {type(error).__name__}")
            return None
        return value if isinstance(value, dict) else None

    def _text(self, name: str) -> str | None:
        """The beginning of a text; None if there is none."""
        path = self._inside(name) if name in self._names else None
        try:
            if path is None or not path.is_file():
                return None
            with path.open("rb") as file:
                return file.read(MOST_TEXT_BYTES).decode("utf-8", "replace")
        except OSError:
            return None

    def _bytes(self, name: str, most: int) -> bytes | None:
        """A whole file, unless it is no plain file, too large, or elsewhere."""
        try:
            path = self._inside(name)
            if path is None or not path.is_file():
                self._problems.append(f"{name}: no file of this folder")
            elif (size := path.stat().st_size) > most:
                self._problems.append(f"{name}: {size:,} bytes are too many to be read")
            else:
                return path.read_bytes()
        except OSError as error:
            self._problems.append(f"{name}: {_reason(error)}")
        return None

    def _inside(self, name: str) -> Path | None:
        """Where a name leads, if it stays inside the fence; loops lead nowhere."""
        try:
            path = (self._folder / name).resolve()
        except (OSError, RuntimeError, ValueError):
            return None
        if path.is_relative_to(self._fence):
            return path
        if (problem := f"{name[:80]}: leads out of the folder") not in self._problems:
            self._problems.append(problem)
        return None


def read_folder(folder: Path, fence: Path | None = None) -> FolderFacts:
    """What a folder holds; `fence` is where its links may lead, the folder itself by default. Raises OSError."""
    return FolderReader(folder, fence or folder).facts()


def signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever a file of the folder does: name, size and time of change of each. Raises OSError."""
    with os.scandir(folder) as entries:
        return tuple(sorted(_sign(entry) for entry in islice(entries, MOST_FILES)))


def _sign(entry: "os.DirEntry[str]") -> tuple[str, int, int]:
    try:
        found = entry.stat()
    except OSError:
        return entry.name, 0, 0
    return entry.name, found.st_size, found.st_mtime_ns


def folders_below(root: Path, *, most_depth: int = 3, most_folders: int = 5_000) -> Iterator[Path]:
    """Folders that may hold a model or an adapter: the root, and what is below it, each real folder once.

    Links to folders are followed, since people keep models on other disks; a loop ends where it meets a folder that
    was seen. What may not be read is passed over.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(root, 0)]
    while waiting and len(seen) < most_folders:
        folder, depth = waiting.pop()
        try:
            place = folder.stat()
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            names = _names(folder)
            if CONFIG in names or ADAPTER_CONFIG in names:
                yield folder
            elif depth < most_depth:
                below = (folder / name for name in sorted(names, reverse=True) if not name.startswith("."))
                waiting.extend((path, depth + 1) for path in below if path.is_dir())
        except OSError:
            continue


def _files_below(folder: Path) -> Iterator[str]:
    """Names of all files below a folder, relative to it; links to folders are not followed."""
    for root, _, names in os.walk(folder):
        yield from (os.path.relpath(os.path.join(root, name), folder) for name in names)  # noqa: PTH118 - thousands


def _names(folder: Path) -> list[str]:
    """The first so many names in a folder. Raises OSError."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in islice(entries, MOST_FILES))


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
