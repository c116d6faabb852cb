"""LocalSurroundings: reads metadata folders, variables and files of this machine, and asks no network."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from packaging.utils import canonicalize_name

from backend.domain.machine import PythonRuntime
from backend.domain.redaction import redact
from backend.domain.surroundings import CacheFolder, Distribution, HubAccess

ENDPOINT = "https://huggingface.co"
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_TRUE = {"1", "ON", "YES", "TRUE"}  # as huggingface_hub reads its variables
_PYTHON = re.compile(r"^python3(\.\d+)?$")
_OTHERS = 0o077
_ASK_SECONDS = 5.0
_MOST_PYTHONS = 20
_HEAD_BYTES = 2_000
_VERSION = re.compile(r"^Version:\s*(\S+)", re.MULTILINE)
_VENDORED = "_vendor"  # setuptools adds its own copies to the path
_ROOT = Path(__file__).resolve().parents[2]


class LocalSurroundings:
    """`is_offline` tells the studio's own switch; `folders` are where things are kept that grow, by title."""

    def __init__(
        self,
        folders: Mapping[str, Path],
        free_bytes: Callable[[Path], int],
        is_offline: Callable[[], bool] = lambda: False,
        environment: Mapping[str, str] = os.environ,
        find: Callable[[], Iterable[Path]] | None = None,
        root: Path = _ROOT,
    ) -> None:
        self._folders = folders
        self._free_bytes = free_bytes
        self._is_offline = is_offline
        self._environment = environment
        self._find = find or metadata_folders
        self._root = root

    def distributions(self) -> Sequence[Distribution]:
        """Every metadata folder on the path; one that cannot be read has no version."""
        return tuple(_read(folder) for folder in self._find())

    def caches(self) -> Sequence[CacheFolder]:
        """With the space that is free now; a disk that does not answer is left out."""
        return tuple(self._measured())

    def hub(self) -> HubAccess:
        """By the variables and files that huggingface_hub reads, and the studio's own switch."""
        token_from, exposed = self._token()
        endpoint = self._environment.get("HF_ENDPOINT") or ENDPOINT
        return HubAccess(redact(endpoint.rstrip("/")), self._offline_because(), token_from, exposed, self._proxy())

    def pythons(self) -> Sequence[PythonRuntime]:
        """python3 and python3.N of PATH, newest name first; those that do not answer are left out."""
        return tuple(self._asked())

    def constraints(self) -> Path | None:
        """Beside the source of this package."""
        path = self._root / "constraints.txt"
        return path if path.is_file() else None

    def _measured(self) -> Iterator[CacheFolder]:
        for title, path in self._folders.items():
            try:
                yield CacheFolder(title, path, self._free_bytes(path))
            except OSError:
                continue

    def _offline_because(self) -> str:
        if self._is_offline():
            return "the setting hub_offline is on"
        on = next((name for name in _OFFLINE if self._environment.get(name, "").upper() in _TRUE), None)
        return f"the variable {on} is set" if on else ""

    def _token(self) -> tuple[str, Path | None]:
        """Where it is, and its file if that is open to others."""
        named = next((name for name in _TOKENS if self._environment.get(name, "").strip()), None)
        if named:
            return f"the variable {named}", None
        for path in token_files(self._environment):
            with suppress(OSError):
                found = path.stat()
                if found.st_size:
                    return f"the file {path}", path if found.st_mode & _OTHERS else None
        return "", None

    def _proxy(self) -> str:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            if value := self._environment.get(name):
                return redact(value)
        return ""

    def _asked(self) -> Iterator[PythonRuntime]:
        names = {
            entry
            for folder in self._environment.get("PATH", "").split(os.pathsep)
            for entry in _names(folder)
            if _PYTHON.match(entry)
        }
        for name in sorted(names, key=lambda each: [int(n) for n in re.findall(r"\d+", each)], reverse=True)[
            :_MOST_PYTHONS
        ]:
            path = shutil.which(name, path=self._environment.get("PATH"))
            if path and (version := _version_of(path)):
                yield PythonRuntime(version, path)


def token_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where huggingface_hub keeps tokens: the one that is used."""
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(environment.get("HF_HOME") or f"{cache}/huggingface")
    named = environment.get("HF_TOKEN_PATH")
    return (Path(named).expanduser() if named else (home / "token").expanduser(),)


def metadata_folders() -> Iterator[Path]:
    """Where importlib.metadata would look: the folders of all packages on the path."""
    for entry in dict.fromkeys(str(Path(each).resolve()) for each in sys.path if Path(each).name != _VENDORED):
        for name in sorted(_names(entry)):
            if name.endswith((".dist-info", ".egg-info")):
                yield Path(entry, name)


def _read(folder: Path) -> Distribution:
    """By the name of the folder, which is that of its package, and by what lies in it."""
    name, _, rest = folder.name.rpartition(".")[0].partition("-")
    version = rest.partition("-")[0] if folder.suffix == ".dist-info" else ""
    metadata = _head(folder / "METADATA") or _head(folder / "PKG-INFO")
    told = _VERSION.search(metadata)
    is_readable = told is not None and not name.startswith("~")  # ~: what pip leaves of a package that was in use
    known = (version or told[1]) if is_readable and told is not None else None
    origin, is_editable = _origin(folder)
    return Distribution(canonicalize_name(name.lstrip("~")), known, str(folder.parent), origin, is_editable)


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _origin(folder: Path) -> tuple[str, bool]:
    """PEP 610; what cannot be read says nothing."""
    try:
        told = json.loads((folder / "direct_url.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "", False
    if not isinstance(told, dict) or not isinstance(told.get("url"), str):
        return "", False
    kind = told.get("dir_info")
    return redact(told["url"]), isinstance(kind, dict) and kind.get("editable") is True


def _names(folder: str) -> list[str]:
    try:
        return [entry.name for entry in Path(folder).iterdir()] if folder else []
    except OSError:
        return []


def _version_of(path: str) -> str | None:
    """What `python --version` says."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"Python (\S+)", said.stdout or said.stderr)
    return found[1] if found else None
