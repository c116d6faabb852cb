"""Who reads, and how: one class per contestant, all used as their documentation shows. Imported in the child only."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Columns = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]  # steps, values, wall times
Runs = Mapping[str, Mapping[str, Columns]]


class Contestant(Protocol):
    """Reads a log directory of many runs."""

    def load(self, logdir: Path) -> None:
        """Read everything into memory, as columns that are kept."""

    def first_curve(self, logdir: Path) -> int:
        """Read only until one curve can be drawn; the number of its points."""

    def refresh(self) -> None:
        """Take in what was appended since `load`."""

    def runs(self) -> Runs:
        """What was read."""


def run_folders(logdir: Path) -> Iterator[Path]:
    """The runs of a benchmark's log directory."""
    yield from sorted(path for path in logdir.iterdir() if path.is_dir())


class Ours:
    """EventFolder for everything, the preview for the first curve."""

    def __init__(self) -> None:
        from backend.event_files.curve_cache import CurveCache
        from backend.event_files.directories import find_runs
        from backend.event_files.folder import EventFolder
        from backend.event_files.kept_folder import KeptFolder
        from backend.event_files.preview import preview
        from backend.event_files.tail import TailReader
        from backend.probes.clock import SystemClock
        from backend.services.tensorboard_data import TensorBoardDataManager

        self._open: Callable[[Path], EventFolder] = EventFolder
        self._folders: dict[str, EventFolder] = {}
        self._preview, self._find_runs, self._tails = preview, find_runs, TailReader
        self._clock, self._cache, self._kept_folder = SystemClock(), CurveCache, KeptFolder
        self._manager = TensorBoardDataManager

    def load(self, logdir: Path) -> None:
        self._folders = {folder.name: self._open(folder) for folder in run_folders(logdir)}
        self.refresh()

    def first_curve(self, logdir: Path) -> int:
        return max(len(one) for one in self._preview(next(run_folders(logdir))).series.values())

    def refresh(self) -> None:
        for folder in self._folders.values():
            folder.read()

    def runs(self) -> Runs:
        return {
            name: {tag: (one.steps, one.values, one.wall_times) for tag, one in folder.read().series.items()}
            for name, folder in self._folders.items()
        }

    def list_runs(self, logdir: Path) -> int:
        """Find all runs and the last value of each tag; how many values."""
        tails = self._tails()
        return sum(len(tails.of_files(run.folder, run.files).points) for run in self._find_runs(logdir).runs)

    def keep(self, logdir: Path, cache: Path) -> int:
        """Read all runs, and keep their columns in the cache; how many runs."""
        kept = self._kept(cache)
        return sum(kept(folder).settle() for folder in run_folders(logdir))

    def from_cache(self, logdir: Path, cache: Path) -> int:
        """Open all curves of all runs through the manager; how many points."""
        manager = self._manager(self._kept(cache), self._clock, max_bytes=1 << 40)
        curves = [manager.curves(run.folder) for run in self._find_runs(logdir).runs]
        num_points = sum(len(one) for some in curves for one in some.series.values())
        manager.close()
        return num_points

    def _kept(self, cache: Path) -> Callable[[Path], Any]:
        store = self._cache(cache, self._clock, max_bytes=1 << 40)
        return lambda folder: self._kept_folder(folder, self._open, store, self._clock, quiet_seconds=0.0)


class TensorBoard:
    """EventAccumulator, which TensorBoard documents for reading in programs; no limit of points."""

    def __init__(self) -> None:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        self._open: Any = lambda folder: EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
        self._readers: dict[str, Any] = {}

    def load(self, logdir: Path) -> None:
        self._readers = {folder.name: self._open(folder) for folder in run_folders(logdir)}
        self.refresh()

    def first_curve(self, logdir: Path) -> int:
        reader = self._open(next(run_folders(logdir)))
        reader.Reload()
        return len(reader.Scalars(reader.Tags()["scalars"][0]))

    def refresh(self) -> None:
        for reader in self._readers.values():
            reader.Reload()

    def runs(self) -> Runs:
        return {name: self._columns(reader) for name, reader in self._readers.items()}

    @staticmethod
    def _columns(reader: Any) -> dict[str, Columns]:
        from tensorboard.util import tensor_util

        found = {}
        for tag in reader.Tags()["scalars"]:
            steps, values, times = zip(
                *[(one.step, one.value, one.wall_time) for one in reader.Scalars(tag)], strict=True
            )
            found[tag] = np.array(steps), np.array(values), np.array(times)
        for tag in reader.Tags()["tensors"]:
            rows = [
                (one.step, tensor_util.make_ndarray(one.tensor_proto), one.wall_time) for one in reader.Tensors(tag)
            ]
            steps, values, times = zip(*rows, strict=True)
            found[tag] = np.array(steps), np.array(values, np.float64).reshape(-1), np.array(times)
        return found


class Tbparse:
    """tbparse's SummaryReader: data frames of a whole log directory."""

    def __init__(self) -> None:
        from tbparse import SummaryReader

        self._open = SummaryReader
        self._logdir: Path | None = None
        self._frame: Any = None

    def load(self, logdir: Path) -> None:
        self._logdir = logdir
        self.refresh()

    def first_curve(self, logdir: Path) -> int:
        self.load(logdir)
        return len(self._frame)

    def refresh(self) -> None:
        reader = self._open(str(self._logdir), extra_columns={"dir_name", "wall_time"})
        self._frame = reader.scalars

    def runs(self) -> Runs:
        frame = self._frame
        if "dir_name" not in frame or not frame["dir_name"].any():
            frame = frame.assign(dir_name="run-0000")
        found: dict[str, dict[str, Columns]] = {}
        for (run, tag), rows in frame.groupby(["dir_name", "tag"], sort=False):
            found.setdefault(run, {})[tag] = tuple(rows[name].to_numpy() for name in ("step", "value", "wall_time"))
        return found


class C:
    """The C decoder; it has no refresh and no preview."""

    def __init__(self, *, verify_payloads: bool = False) -> None:
        import os

        from scripts.benchmarks.events.c_reader import CReader

        self._reader = CReader(Path(os.environ["EVENTS_BENCH_LIBRARY"]), verify_payloads=verify_payloads)
        self._handles: dict[str, int] = {}

    def load(self, logdir: Path) -> None:
        for folder in run_folders(logdir):
            for path in sorted(folder.glob("*tfevents*")):
                self._handles[folder.name] = self._reader.read(path)

    def first_curve(self, logdir: Path) -> int:
        handle = self._reader.read(next(next(run_folders(logdir)).glob("*tfevents*")))
        return max(len(steps) for steps, _, _ in self._reader.series(handle).values())

    def refresh(self) -> None:
        raise NotImplementedError

    def runs(self) -> Runs:
        return {name: self._reader.series(handle) for name, handle in self._handles.items()}
