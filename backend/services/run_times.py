"""RunTimes: how long runs of the same shape took on this machine."""

from pathlib import Path

from backend.domain.measured_time import MeasuredTime, is_alike, measured
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.states import RunState
from backend.errors import StudioError
from backend.services.comparing import Comparing
from backend.services.training import as_ordered

MOST_READ = 8  # orders of earlier runs that one question may read


class RunTimes:
    """Holds no state; the orders of runs are remembered by Comparing."""

    def __init__(self, store: RunStore, comparing: Comparing) -> None:
        self._store = store
        self._comparing = comparing

    def of(self, config: RunConfig, base: Path) -> MeasuredTime | None:
        """The newest finished run with the same cost of a step, None if there is none."""
        order = as_ordered(config, base)
        alike = [run for run in self._store.list() if _may_be_alike(run, order)]
        for run in alike[:MOST_READ]:
            try:
                other = self._comparing.order(run.id)
            except StudioError:
                continue
            found = measured(run.name, run.attempts) if is_alike(order, other) else None
            if found is not None:
                return found
        return None


def _may_be_alike(run: Run, order: RunConfig) -> bool:
    return (
        run.state is RunState.FINISHED
        and run.method == order.method.name
        and run.base_model == order.base_model.path
        and run.dataset == order.dataset.path
    )
