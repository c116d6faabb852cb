"""Comparing: reads what the runs that are compared were told, and what came out."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from backend.domain.adjustments import Adjustment, adjusted, adjustments_text
from backend.domain.comparison import ComparedRun, Comparison
from backend.domain.curve_records import Record, Text
from backend.domain.curves import Kind, Other, Place
from backend.domain.ports import BranchFiles, Clock, RunStore
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.sample_texts import TAG_PREFIX, Sample, parsed
from backend.errors import StudioError
from backend.services.config_service import ConfigService
from backend.services.errors import ConfigUnreadable
from backend.services.tensorboard_data import TensorBoardDataManager

ReadRecord = Callable[[Path, str, Kind, Place], Record]
MAX_REMEMBERED = 2_000  # configurations; reading one takes milliseconds


class Comparing:
    """Thread-safe. Configurations are remembered while their files stay as they are."""

    def __init__(
        self,
        store: RunStore,
        files: BranchFiles,
        configs: ConfigService,
        curves: TensorBoardDataManager,
        read_record: ReadRecord,
        clock: Clock,
    ) -> None:
        self._store = store
        self._files = files
        self._configs = configs
        self._curves = curves
        self._read_record = read_record
        self._clock = clock
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, ...], RunConfig] = OrderedDict()

    def look(self, run_ids: Sequence[str]) -> Comparison:
        """These runs, each once. What cannot be read of one is said there; unknown ids are listed, not raised."""
        wanted = tuple(dict.fromkeys(run_ids))
        known = {run.id: run for run in self._store.list()}
        found = tuple(self._look(known[run_id]) for run_id in wanted if run_id in known)
        return Comparison(found, tuple(run_id for run_id in wanted if run_id not in known))

    def samples(self, run_id: str) -> tuple[Sample, ...]:
        """The sample answers that a run wrote, in the order of writing. Raises RunNotFound."""
        folder = RunDirectory(self._store.get(run_id).run_dir).tensorboard
        others = self._curves.curves(folder).others
        return tuple(
            parsed(step, text)
            for tag, other in others.items()
            if tag.startswith(TAG_PREFIX) and other.kind is Kind.TEXT
            for step, text in self._texts(folder, other)
        )

    def _texts(self, folder: Path, other: Other) -> Iterator[tuple[int, str]]:
        """A text that is damaged is left out, and the log says so."""
        for place in other.places:
            try:
                record = self._read_record(folder, other.tag, other.kind, place)
            except StudioError as error:
                logging.getLogger(__name__).warning("a sample answer is left out: %s", error)
                continue
            if isinstance(record, Text):
                yield place.step, "\n".join(record.strings)

    def now(self) -> datetime:
        """The present in UTC: living attempts last until now."""
        return self._clock.now()

    def order(self, run_id: str) -> RunConfig:
        """What the run's last attempt was told. Raises RunNotFound, ConfigUnreadable, ConfigInvalid, StorageError."""
        run = self._store.get(run_id)
        return self._order(run, self._files.adjustments(run.run_dir))

    def _look(self, run: Run) -> ComparedRun:
        curves = self._curves.curves(RunDirectory(run.run_dir).tensorboard)
        try:
            changes = self._files.adjustments(run.run_dir)
            config = self._order(run, changes)
        except StudioError as error:
            told = error.explain()
            return ComparedRun(run, None, curves, problem=f"{told.what} {told.why}")
        return ComparedRun(run, config, curves, changed=tuple(change.reason for change in changes))

    def _order(self, run: Run, changes: tuple[Adjustment, ...]) -> RunConfig:
        path = RunDirectory(run.run_dir).config
        key = (*_version(path), adjustments_text(changes))
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        try:
            config = adjusted(self._configs.read(path), changes)
        except ValueError as error:
            raise ConfigUnreadable(path=path, problem=f"its later changes do not fit: {error}") from error
        with self._lock:
            self._known[key] = config
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return config


def _version(path: Path) -> tuple[str, int, int]:
    """The path with size and time of change of its file; 0 and 0 if there is none."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_size, found.st_mtime_ns
