"""RunReports: how a run is and what came out of it, in words and figures for people."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from backend.domain.clock import Clock
from backend.domain.metric_goals import goal_of
from backend.domain.ports import RunStore
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.run_report import EVALUATION, RunReport, report
from backend.domain.run_results import Point, best_point, trained
from backend.domain.run_view import RunView
from backend.errors import StudioError
from backend.services.tensorboard_data import TensorBoardDataManager

MAX_REMEMBERED = 2_000


@dataclass(frozen=True, slots=True)
class Achieved:
    """The best value of a run's metric after training began."""

    tag: str
    best: Point


class RunReports:
    """Thread-safe. `order` gives what a run was told. Results are remembered while their runs stay as they are."""

    def __init__(
        self, store: RunStore, curves: TensorBoardDataManager, clock: Clock, order: Callable[[str], RunConfig]
    ) -> None:
        self._store = store
        self._curves = curves
        self._clock = clock
        self._order = order
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, datetime], Achieved | None] = OrderedDict()

    def report(self, view: RunView) -> RunReport:
        """How a run is now. Raises RunNotFound."""
        curves = self._curves.curves(RunDirectory(view.run.run_dir).tensorboard)
        return report(view, curves, self._store.journal(view.id), self._clock.now().timestamp())

    def achieved(self, view: RunView) -> Achieved | None:
        """What came out of a run at rest; None if it was never evaluated. Its curves are not kept in memory for it."""
        key = (view.id, view.run.updated_at)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = self._read(view)
        with self._lock:
            self._known[key] = found
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _read(self, view: RunView) -> Achieved | None:
        config = self._config(view.id)
        tag = config.guards.metric if config else EVALUATION
        series = self._curves.once(RunDirectory(view.run.run_dir).tensorboard).series.get(tag)
        best = best_point(trained(series), goal_of(tag, config)) if series is not None else None
        return Achieved(tag, best) if best else None

    def _config(self, run_id: str) -> RunConfig | None:
        try:
            return self._order(run_id)
        except StudioError:  # a run without a readable run.yaml has its curves all the same
            return None
