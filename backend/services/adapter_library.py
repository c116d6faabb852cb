"""AdapterLibrary: what runs have made, read in the background, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.domain.checkpoint_rows import measured_at
from backend.domain.lineage import Lineage, lineage
from backend.domain.model_facts import FolderFacts
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.run_results import Point
from backend.domain.run_view import RunView
from backend.services.gathering import Gathering
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.store.model_folders import read_folder

_Key = tuple[Path, str]  # the run's folder, and the time of its last change


@dataclass(frozen=True, slots=True)
class RunAdapter:
    """The final result of a run. `facts` is None until its folder was read."""

    run: Run
    facts: FolderFacts | None


@dataclass(frozen=True, slots=True)
class RunAdapters:
    """What is known by now; the folders of `num_left` runs are still being read."""

    rows: tuple[RunAdapter, ...] = ()
    num_left: int = 0


class AdapterLibrary:
    """Thread-safe. A run's result is read once for each change of the run."""

    def __init__(self, store: RunStore, curves: TensorBoardDataManager) -> None:
        self._store = store
        self._curves = curves
        self._results: Gathering[_Key, FolderFacts] = Gathering(_read, lambda key: FolderFacts(key[0]))

    def look(self, views: Sequence[RunView]) -> RunAdapters:
        """The results of those runs that have one, in their order."""
        runs = [view.run for view in views if view.has_adapter]
        found = self._results.ask([_key(run) for run in runs])
        return RunAdapters(tuple(RunAdapter(run, found.known.get(_key(run))) for run in runs), found.num_left)

    def wait(self, seconds: float) -> None:
        """Until something more is known, or so long."""
        self._results.wait(seconds)

    def line(self, run: Run) -> Lineage:
        """Where a run comes from, and what was made from it."""
        return lineage(run, self._store.list())

    def metrics(self, run: Run) -> dict[str, Point]:
        """The newest point of each of its curves."""
        return measured_at(self._curves.curves(RunDirectory(run.run_dir).tensorboard).series, 2**62)


def _key(run: Run) -> _Key:
    return run.run_dir, run.updated_at.isoformat()


def _read(key: _Key) -> FolderFacts:
    """An adapter, else a whole model."""
    folder = RunDirectory(key[0])
    result = folder.adapter if folder.adapter.is_dir() else folder.model
    return read_folder(result)
