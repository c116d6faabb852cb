"""CurveSources: everything whose curves can be looked at, under one short name each."""

import json
import os
import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock

from backend.domain.curve_glimpses import LastPoints
from backend.domain.curves import Curves
from backend.domain.found_runs import FoundRun, FoundRuns
from backend.domain.log_directories import LogDirectory, RunFinder
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.services.curve_errors import CurveSourceNotFound, LogDirectoryNotFound, LogDirectoryRefused
from backend.services.data_cache import DataCache
from backend.services.tensorboard_data import TensorBoardDataManager

RUN, DIRECTORY = "run:", "dir:"
MAX_PATH_LENGTH = 4_096
_DRAFT = "curves:log-directories"
_SYSTEM = tuple(Path(folder) for folder in ("/proc", "/sys", "/dev"))


class CurveSources:
    """Names: `run:<run id>` for an own run, `dir:<key>/<path>` for a run in a registered log directory.

    Registered directories are kept in the store, since they are something a person said, like notes and tags, and
    every process that shares the store sees them, within the seconds that `found` keeps what it found. Nothing is
    ever written into them, and no name leads out of them. `private` are folders whose inside is neither registered
    nor shown, except what is inside `own_runs`.
    """

    def __init__(
        self,
        store: RunStore,
        curves: TensorBoardDataManager,
        find_runs: RunFinder,
        found: DataCache,
        private: Sequence[Path],
        own_runs: Path,
    ) -> None:
        self._store = store
        self._curves = curves
        self._find_runs = find_runs
        self._found = found
        self._private = private
        self._own_runs = own_runs
        self._lock = Lock()
        self._own: tuple[int, dict[str, Run]] = -1, {}

    def folder(self, source: str) -> Path:
        """The folder of event files behind a name; an own run's may not exist yet.

        Raises CurveSourceNotFound, LogDirectoryNotFound, RunNotFound: all of them NotFoundError.
        """
        if source.startswith(RUN):
            return RunDirectory(self._run(source.removeprefix(RUN)).run_dir).tensorboard
        if not source.startswith(DIRECTORY):
            raise CurveSourceNotFound(source=source, reason="A source begins with run: or dir:")
        key, _, path = source.removeprefix(DIRECTORY).partition("/")
        folder = _inside(self._directory(key).path, self._real_name(key, path), source)
        if self._is_private(folder):
            raise CurveSourceNotFound(source=source, reason="It is a folder of secrets or of the studio itself")
        return folder

    def curves(self, source: str) -> Curves:
        """All of its curves by now. Raises as `folder`."""
        return self._curves.curves(self.folder(source))

    def last_values(self, source: str) -> LastPoints:
        """The last point of every tag, as it was at most some seconds ago, without reading all. Raises as `folder`."""
        return self._curves.last_values(self.folder(source))

    def label(self, source: str) -> str:
        """What a person calls it: the run's name, or directory and path. Raises as `folder`."""
        if source.startswith(RUN):
            return self._run(source.removeprefix(RUN)).name
        folder = self.folder(source)
        root = self._directory(source.removeprefix(DIRECTORY).partition("/")[0]).path
        return os.fsencode(folder.relative_to(root.parent)).decode("utf-8", "backslashreplace")

    def directories(self) -> Sequence[LogDirectory]:
        """The registered log directories by path, whether they exist at the moment or not."""
        return list(self._registered().values())

    def add_directory(self, path: str) -> str:
        """Register a folder, and say its key; adding it again is fine. Raises LogDirectoryRefused."""
        folder = self._checked(path)
        with self._lock:
            self._save({*_paths(self._store.load_draft(_DRAFT)), folder})
        return key_of(folder)

    def remove_directory(self, key: str) -> None:
        """Forget a log directory; nothing in it is touched. Raises LogDirectoryNotFound."""
        with self._lock:
            gone = self._directory(key)
            self._save(_paths(self._store.load_draft(_DRAFT)) - {gone.path})
        self._found.invalidate(("runs", key))

    def runs(self, key: str) -> Sequence[FoundRun]:
        """The runs found in a log directory, as they were at most some seconds ago. Raises LogDirectoryNotFound."""
        return self.found(key).runs

    def found(self, key: str) -> FoundRuns:
        """The same with remarks on what was left out, such as folders that may not be read."""
        directory = self._directory(key)
        return self._found.get_or_compute(("runs", key), lambda: self._find_runs(directory.path))

    def _run(self, run_id: str) -> Run:
        """As RunStore.get, but a thousand names cost one reading of the store."""
        version = self._store.version()
        if self._own[0] != version:
            self._own = version, {run.id: run for run in self._store.list()}
        return self._own[1].get(run_id) or self._store.get(run_id)

    def _directory(self, key: str) -> LogDirectory:
        registered = self._registered()
        if key not in registered:
            raise LogDirectoryNotFound(key=key)
        return registered[key]

    def _real_name(self, key: str, path: str) -> str:
        r"""The path of a run that is spelt otherwise: bytes that are no UTF-8 are \xff in the names of found runs."""
        if "\\x" not in path:
            return path
        root = self._directory(key).path
        folders = (run.folder for run in self.runs(key) if run.path == path)
        return next((str(folder.relative_to(root)) for folder in folders if folder.is_relative_to(root)), path)

    def _registered(self) -> dict[str, LogDirectory]:
        return self._found.get_or_compute(("directories",), self._load)

    def _load(self) -> dict[str, LogDirectory]:
        paths = sorted(_paths(self._store.load_draft(_DRAFT)))
        return {key_of(path): LogDirectory(key_of(path), path) for path in paths}

    def _save(self, paths: set[Path]) -> None:
        self._store.save_draft(_DRAFT, json.dumps(sorted(str(path) for path in paths)))
        self._found.invalidate(("directories",))

    def _checked(self, path: str) -> Path:
        try:
            folder = Path(path.strip()).expanduser().resolve(strict=True)
            next(folder.iterdir(), None)
        except FileNotFoundError as error:
            raise LogDirectoryRefused(path=path, reason="It does not exist") from error
        except NotADirectoryError as error:
            raise LogDirectoryRefused(path=path, reason="It is a file, and no folder") from error
        except (OSError, RuntimeError, ValueError) as error:
            raise LogDirectoryRefused(path=path, reason=f"It cannot be read ({type(error).__name__})") from error
        if not path.strip():
            raise LogDirectoryRefused(path=path, reason="The name is empty")
        if self._is_private(folder):
            raise LogDirectoryRefused(path=path, reason="It is a folder of the system, of secrets or of the studio")
        return folder

    def _is_private(self, folder: Path) -> bool:
        if folder.is_relative_to(self._own_runs.resolve()):
            return False
        return any(folder.is_relative_to(one.resolve()) for one in (*self._private, *_SYSTEM))


def _inside(root: Path, path: str, source: str) -> Path:
    """A folder in a registered one: refused by its wording first, then by where it really leads."""
    words = PurePosixPath(path)
    if len(path) > MAX_PATH_LENGTH or "\0" in path or words.is_absolute() or ".." in words.parts:
        raise CurveSourceNotFound(source=source[:200], reason="Its path does not stay inside the log directory")
    try:
        folder = (root / words).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise CurveSourceNotFound(source=source, reason="The folder does not exist, or may not be read") from error
    if not folder.is_relative_to(root) or not folder.is_dir():
        raise CurveSourceNotFound(source=source, reason="It is no folder inside the log directory")
    return folder


def _paths(text: str | None) -> set[Path]:
    """What was saved; nothing if it cannot be read."""
    try:
        saved = json.loads(text or "[]")
    except ValueError:
        return set()
    return {Path(path) for path in saved if isinstance(path, str)} if isinstance(saved, list) else set()


def key_of(path: Path) -> str:
    """The key of a log directory: readable, and the same whenever this path is added."""
    stem = re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:24].strip("-") or "logs"
    return f"{stem}-{sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
