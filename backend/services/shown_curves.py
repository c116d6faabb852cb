"""ShownCurves: everything a page has to know of the sources that it shows, in one question."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from backend.domain.board import Mark
from backend.domain.chart_building import MAX_MARKED, ShownSource
from backend.domain.curve_records import Record
from backend.domain.curves import Curves, Kind, Other, Place
from backend.domain.ports import BranchFiles, RunStore
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.run_groups import flatten
from backend.errors import Explanation, StudioError
from backend.services.config_service import ConfigService
from backend.services.curve_sources import RUN, CurveSources
from backend.services.run_colors import RunColors
from backend.services.tensorboard_data import TensorBoardDataManager

ReadRecord = Callable[[Path, str, Kind, Place], Record]
MAX_SETTINGS = 2_000  # runs whose settings are remembered
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A source with its curves; `run` is None for one of a foreign log directory."""

    source: ShownSource
    curves: Curves
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A source that was asked for and cannot be shown."""

    id: str
    error: Explanation


class ShownCurves:
    """Thread-safe. Own runs come from one look into the store; the settings of a run are read once."""

    def __init__(
        self,
        store: RunStore,
        sources: CurveSources,
        curves: TensorBoardDataManager,
        files: BranchFiles,
        configs: ConfigService,
        colors: RunColors,
        read_record: ReadRecord,
    ) -> None:
        self._store = store
        self._sources = sources
        self._curves = curves
        self._files = files
        self._configs = configs
        self._colors = colors
        self._read_record = read_record
        self._lock = threading.Lock()
        self._settings: dict[str, Mapping[str, str]] = {}

    def look(self, sources: Sequence[str]) -> tuple[tuple[Shown, ...], tuple[Missing, ...]]:
        """The sources in their order, each once, with labels that tell them apart, and those that are not there."""
        wanted = tuple(dict.fromkeys(sources))
        runs = {f"{RUN}{run.id}": run for run in self._store.list()}
        colors = self._colors.of(wanted)
        found: list[Shown] = []
        missing: list[Missing] = []
        for source in wanted:
            try:
                found.append(self._one(source, runs.get(source), colors[source], has_marks=len(wanted) <= MAX_MARKED))
            except StudioError as error:
                missing.append(Missing(source, error.explain()))
        return _told_apart(found), tuple(missing)

    def record(self, source: str, other: Other, place: Place) -> Record:
        """What one record of a source holds. Raises StorageError, NotFoundError."""
        return self._read_record(self._sources.folder(source), other.tag, other.kind, place)

    def color(self, run_id: str) -> int:
        """The colour of one of the studio's runs."""
        return self._colors.of([f"{RUN}{run_id}"])[f"{RUN}{run_id}"]

    def _one(self, source: str, run: Run | None, color: int, *, has_marks: bool) -> Shown:
        if run is None:
            curves = self._sources.curves(source)
            return Shown(ShownSource(source, self._sources.label(source), curves.series.keys(), color), curves)
        curves = self._curves.curves(RunDirectory(run.run_dir).tensorboard)
        marks = self._marks(source, run) if has_marks else ()
        shown = ShownSource(source, run.name, curves.series.keys(), color, marks, self._settings_of(run))
        return Shown(shown, curves, run)

    def _marks(self, source: str, run: Run) -> tuple[Mark, ...]:
        """Where later attempts began, and the checkpoints that are there now."""
        begun = [
            Mark(source, attempt.resumed_from_step or 0, "attempt", f"Attempt {attempt.number}")
            for attempt in run.attempts[1:]
        ]
        steps = sorted(self._files.steps(run.run_dir))
        return (*begun, *(Mark(source, step, "checkpoint", f"Checkpoint {step}") for step in steps))

    def _settings_of(self, run: Run) -> Mapping[str, str]:
        with self._lock:
            known = self._settings.get(run.id)
        if known is None:
            known = self._read_settings(RunDirectory(run.run_dir).config)
            with self._lock:
                self._settings[run.id] = known
                while len(self._settings) > MAX_SETTINGS:
                    del self._settings[next(iter(self._settings))]
        return known

    def _read_settings(self, path: Path) -> Mapping[str, str]:
        """Nothing where run.yaml is gone or of another version: such a run belongs to no group."""
        try:
            return MappingProxyType(flatten(self._configs.read(path).model_dump(mode="json")))
        except StudioError:
            return NOTHING


def _told_apart(found: Sequence[Shown]) -> tuple[Shown, ...]:
    """Where two have one name, the id stands behind it."""
    uses = Counter(shown.source.label for shown in found)
    return tuple(
        shown
        if uses[shown.source.label] == 1
        else replace(shown, source=replace(shown.source, label=f"{shown.source.label} ({_short(shown.source.id)})"))
        for shown in found
    )


def _short(source: str) -> str:
    return source.removeprefix(RUN)
