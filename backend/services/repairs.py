"""Repairs: the change that may help a run that failed, offered from its files, and taken with one click."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from backend.domain.adjustments import Adjustment
from backend.domain.exit_record import ExitRecord
from backend.domain.ports import Executor, Processes, RunFiles, RunStore
from backend.domain.remedies import Remedy, remedy
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, RunState, Wish
from backend.services.errors import NothingToChange, RunIsActive
from backend.store.errors import OrdersNotWritten
from backend.store.files import read_text
from backend.store.orders import Orders

Hold = Callable[[Path], AbstractContextManager[bool]]
_AT_REST = frozenset({RunState.FAILED, RunState.STOPPED, RunState.PAUSED})


class Repairs:
    """Nothing is remembered: the offer follows from the store's error id and the run's own files.

    `hold` takes a lock file while a block runs, and says whether it could.
    """

    def __init__(self, store: RunStore, files: RunFiles, executor: Executor, processes: Processes, hold: Hold) -> None:
        self._store = store
        self._files = files
        self._executor = executor
        self._processes = processes
        self._hold = hold

    def offer(self, run_id: str) -> Remedy | None:
        """What may help a run at rest, or None. Raises RunNotFound."""
        return self._offer(self._store.get(run_id))

    def apply_change(self, run_id: str) -> Run:
        """Change the run's orders as offered, and go on from its last checkpoint.

        Raises RunNotFound, NothingToChange, RunIsActive, OrdersNotWritten, CommandNotStarted.
        """
        run = self._store.get(run_id)
        with self._hold(RunDirectory(run.run_dir).supervisor_lock) as is_ours:
            run = self._store.get(run_id)
            if not is_ours or run.needs_supervisor or self._is_training(run):
                raise RunIsActive(run_id=run_id, state=run.state.value, action="Changing its orders")
            found = self._offer(run)
            if found is None:
                raise NothingToChange(run_id=run_id, error_id=run.error_id or "none")
            self._write(run, found)
            # before the lock is free: a second click would take the next offer, on top of this one
            run = self._store.set_wish(run_id, Wish.RUN, f"Resume was asked for with {found.words}.")
        self._processes.start(run_id)
        return run

    def _offer(self, run: Run) -> Remedy | None:
        if run.state not in _AT_REST or run.wish is Wish.RUN or not run.error_id:
            return None
        order = Orders(run.run_dir).read()
        if order is None:
            return None
        beat = self._files.heartbeat(run.run_dir)
        return remedy(run.error_id, order, phase=beat.phase if beat else None, record=_record(run))

    def _write(self, run: Run, found: Remedy) -> None:
        change = Adjustment(
            attempt=(run.latest_attempt.number if run.latest_attempt else 0) + 1,
            kind="repair",
            reason=f"a person takes the offer and goes on with {found.words}",
            changes=found.changes,
            good_step=found.good_step,
        )
        try:
            Orders(run.run_dir).carry_out(change)
        except (OSError, ValueError) as error:
            raise OrdersNotWritten(path=RunDirectory(run.run_dir).adjustments, reason=error) from error

    def _is_training(self, run: Run) -> bool:
        return self._executor.find(RunDirectory(run.run_dir).trainer_lock)[0] is not Liveness.DEAD


def _record(run: Run) -> ExitRecord | None:
    """The latest attempt's own account of its end."""
    latest = run.latest_attempt
    text = read_text(RunDirectory(run.run_dir).exit_record(latest.number)) if latest else None
    return ExitRecord.from_json(text) if text else None
