"""RunFactsService: settings and last values of thousands of runs, read in the background and kept."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from backend.domain.adjustments import adjusted
from backend.domain.clock import Clock
from backend.domain.config_diff import flattened
from backend.domain.ports import BranchFiles
from backend.domain.run import Run
from backend.domain.run_columns import NOTHING, RunFacts, choices, facts_of
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.errors import StudioError
from backend.services.config_service import ConfigService
from backend.services.gathering import Gathering
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.store.settings_file import Settings, SettingsFile

FRESH_SECONDS = 5  # last values of runs at work get that old
_Key = tuple[str, Path, str]  # the run, its folder, its version


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """Facts by run id, perhaps of a moment ago; those of `num_left` runs are not known at all yet.

    `version` rises with everything that is learned.
    """

    by_id: Mapping[str, RunFacts]
    num_left: int
    version: int


class RunFactsService:
    """Thread-safe. Asking reads no file: what is new is read by one thread, and its settings are kept in a file."""

    def __init__(
        self,
        configs: ConfigService,
        files: BranchFiles,
        curves: TensorBoardDataManager,
        kept: SettingsFile,
        clock: Clock,
    ) -> None:
        self._configs = configs
        self._files = files
        self._curves = curves
        self._kept = kept
        self._clock = clock
        self._lock = threading.Lock()
        self._settings: dict[str, Settings] | None = None
        self._known: dict[str, tuple[str, RunFacts]] = {}
        self._version = 0
        self._columns = -1, choices(())
        self._last: tuple[Sequence[RunView], int, KnownFacts] | None = None  # what is asked at each click
        self._gathering: Gathering[_Key, None] = Gathering(self._learn, lambda key: self._note(key, NOTHING), most=1)

    def known(self, views: Sequence[RunView]) -> KnownFacts:
        """What is known of these runs by now, which are all there are; what is missing or old is read from now on."""
        tick = int(self._clock.monotonic() / FRESH_SECONDS)
        last = self._last
        if last is not None and last[0] is views and last[1] == tick and not last[2].num_left:
            return last[2]
        keys = [_key(view.run, tick) for view in views]
        with self._lock:
            outdated = [key for key in keys if self._known.get(key[0], ("",))[0] != key[2]]
        if outdated:
            self._gathering.ask(outdated)
        with self._lock:
            self._forget_all_but(keys)
            by_id = {key[0]: self._known[key[0]][1] for key in keys if key[0] in self._known}
            known = KnownFacts(by_id, len(keys) - len(by_id), self._version)
            self._last = None if outdated else (views, tick, known)
        return known

    def columns(self) -> tuple[str, ...]:
        """Every column that a table of runs can have, by what is known so far."""
        with self._lock:
            if self._columns[0] != self._version:
                self._columns = self._version, choices(facts for _, facts in self._known.values())
            return self._columns[1]

    def wait(self, seconds: float) -> None:
        """Until something more is known, or so long."""
        self._gathering.wait(seconds)

    def _forget_all_but(self, keys: Sequence[_Key]) -> None:
        if len(self._known) > len(keys):
            there = {key[0] for key in keys}
            self._known = {run_id: known for run_id, known in self._known.items() if run_id in there}
            self._version += 1

    def _learn(self, key: _Key) -> None:
        self._note(key, self._read(key))

    def _note(self, key: _Key, facts: RunFacts) -> None:
        with self._lock:
            self._known[key[0]] = (key[2], facts)
            self._version += 1

    def _read(self, key: _Key) -> RunFacts:
        folder = RunDirectory(key[1])
        points = self._curves.last_values(folder.tensorboard).points
        return facts_of(self._settings_of(folder), {tag: point.value for tag, point in points.items()})

    def _settings_of(self, folder: RunDirectory) -> Mapping[str, JsonValue]:
        """As its last attempt was told; nothing where that cannot be read."""
        if self._settings is None:
            self._settings = self._kept.load()
        key = f"{folder.root} {_version(folder.config)} {_version(folder.adjustments)}"
        if key not in self._settings:
            try:
                order = adjusted(self._configs.read(folder.config), self._files.adjustments(folder.root))
            except (StudioError, ValueError):
                return {}
            self._settings[key] = flattened(order)
            self._keep(key, self._settings[key])
        return self._settings[key]

    def _keep(self, key: str, settings: Settings) -> None:
        try:
            self._kept.add(key, settings)
        except OSError as error:
            logging.getLogger(__name__).warning("settings of a run were not kept: %s", error)


def _key(run: Run, tick: int) -> _Key:
    version = f"at work {tick}" if run.is_active else run.updated_at.isoformat()
    return run.id, run.run_dir, version


def _version(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return "none"
    return f"{found.st_size}-{found.st_mtime_ns}"
