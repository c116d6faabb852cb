"""RunEstimates: how long a run may take and what energy, from what earlier runs took on this machine."""

from collections.abc import Iterator
from pathlib import Path

from backend.domain.data_report import Lengths
from backend.domain.measured_time import measured
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.run_estimate import Past, RunEstimate, estimate
from backend.domain.run_results import ENERGY
from backend.domain.states import RunState
from backend.errors import StudioError
from backend.services.comparing import Comparing
from backend.services.row_lengths import RowLengths
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.training import as_ordered

MOST_READ = 8  # earlier runs that one question may read
TOKENS = "train/num_tokens"


class RunEstimates:
    """Holds no state."""

    def __init__(
        self, store: RunStore, comparing: Comparing, curves: TensorBoardDataManager, lengths: RowLengths
    ) -> None:
        self._store = store
        self._comparing = comparing
        self._curves = curves
        self._lengths = lengths

    def of(self, config: RunConfig, base: Path, num_steps: int) -> RunEstimate | None:
        """By a run of the same shape if there is one, else by one of the same model and method; None without any."""
        order = as_ordered(config, base)
        training = order.training
        epochs = training.epochs if training.max_steps is None else None
        lengths = self._lengths.look(config, base)
        mean = None if lengths is None else mean_tokens(lengths)
        found = [
            one
            for past in self._past(order)
            if (one := estimate(order, past, num_steps, epochs=epochs, mean_tokens=mean)) is not None
        ]
        return next((one for one in found if one.is_alike), found[0] if found else None)

    def _past(self, order: RunConfig) -> Iterator[Past]:
        alike = [run for run in self._store.list() if _may_tell(run, order)]
        for run in alike[:MOST_READ]:
            time = measured(run.name, run.attempts)
            if time is None:
                continue
            try:
                told = self._comparing.order(run.id)
                last = self._curves.last_values(RunDirectory(run.run_dir).tensorboard)
            except StudioError:
                continue
            values = {tag: point.value for tag, point in last.points.items() if tag in (TOKENS, ENERGY)}
            yield Past(told, time, values.get(TOKENS), values.get(ENERGY))


def mean_tokens(lengths: Lengths) -> float:
    """Tokens of a mean row, by the middles of the histogram's bins."""
    rows = max(1, sum(item.num_rows for item in lengths.histogram))
    return sum((item.low + item.high - 1) / 2 * item.num_rows for item in lengths.histogram) / rows


def _may_tell(run: Run, order: RunConfig) -> bool:
    is_same = run.method == order.method.name and run.base_model == order.base_model.path
    return run.state is RunState.FINISHED and is_same
