"""Keeping runs alive: starts supervisors where they are missing and it is a run's turn, and asks runs to stop."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.domain.ports import Clock, Command, Executor, PlaceProbe, RunStore
from backend.domain.queue import waits
from backend.domain.run import ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import ENDS, Liveness, RunState, Wish
from backend.errors import ProcessError, StudioError
from backend.services.lost_runs import lay_to_rest
from backend.services.scheduler import Scheduler

_MOST_STARTS = 5
_WITHIN_SECONDS = 60.0
_AT_REST = ENDS | {RunState.CREATED, RunState.QUEUED, RunState.PAUSED}


@dataclass(frozen=True, slots=True)
class SupervisorProgram:
    """How a supervisor is called (the run directory is appended), from which folder, with which variables."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Liveliness:
    """Who works on a run, as the locks tell. A process is None if it is dead or cannot be identified."""

    supervisor: ProcessIdentity | None
    trainer: ProcessIdentity | None
    supervisor_state: Liveness
    trainer_state: Liveness


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """Ids of the runs that need a supervisor or wait for a place, by what was found or done.

    `held_back`: its supervisors ended too often within a minute. `refused`: with the reason in one sentence.
    """

    started: tuple[str, ...] = ()
    alive: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    held_back: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


class ProcessManager:
    """Safe to call from any thread and any number of programs at once: the locks decide."""

    def __init__(
        self,
        store: RunStore,
        executor: Executor,
        clock: Clock,
        program: SupervisorProgram,
        places: PlaceProbe,
        after_reboot: Callable[[], object] = lambda: None,
        start_ahead: Callable[[Command], ProcessIdentity | None] | None = None,
    ) -> None:
        """`start_ahead` starts supervisors of runs whose next attempt begins at once, as Executor.start does."""
        self._start_ahead = start_ahead or executor.start
        self._after_reboot = after_reboot
        self._store = store
        self._executor = executor
        self._clock = clock
        self._program = program
        self._scheduler = Scheduler(store, executor, clock, places)
        self._starts: dict[str, deque[float]] = {}

    def start(self, run_id: str) -> bool:
        """See that the run has a supervisor, if it is its turn; whether one was started now.

        Raises RunNotFound, CommandNotStarted.
        """
        self._scheduler.arrange()
        run = self._store.get(run_id)
        is_started = run.needs_supervisor and not waits(run) and self._start(run)
        self.reconcile()
        return is_started

    def stop(self, run_id: str, reason: str = "a person asked to stop") -> Run:
        """Wish for a stop, and see that somebody grants it. Raises RunNotFound, CommandNotStarted."""
        run = self._store.set_wish(run_id, Wish.STOP, reason)
        if run.needs_supervisor:
            self.start(run_id)
        return run

    def reconcile(self) -> ReconcileReport:
        """Give places to waiting runs, and a supervisor to each run that has its places or needs none.

        Cheap if nothing changed, and safe to call at any time.
        """
        self._after_reboot()
        found: dict[str, list[str]] = {"started": [], "alive": [], "unknown": [], "held_back": [], "waiting": []}
        refused: list[tuple[str, str]] = []
        for run in self._scheduler.arrange():
            try:
                found[self._care(run)].append(run.id)
            except StudioError as error:
                refused.append((run.id, error.explain().sentence()))
        lists = {name: tuple(ids) for name, ids in found.items()}
        return ReconcileReport(**lists, refused=tuple(refused))

    def liveliness(self, run: Run) -> Liveliness:
        """Which processes work on a run right now."""
        folder = RunDirectory(run.run_dir)
        supervisor_state, supervisor = self._executor.find(folder.supervisor_lock)
        trainer_state, trainer = self._executor.find(folder.trainer_lock)
        return Liveliness(supervisor, trainer, supervisor_state, trainer_state)

    def _care(self, run: Run) -> str:
        if waits(run):
            return "waiting"
        liveness, _ = self._executor.find(RunDirectory(run.run_dir).supervisor_lock)
        if liveness is not Liveness.DEAD:
            return str(liveness.value)
        if self._is_restless(run.id):
            return "held_back"
        return "started" if self._start(run) else "alive"

    def _start(self, run: Run) -> bool:
        folder = RunDirectory(run.run_dir)
        command = Command(
            argv=(*self._program.argv, str(run.run_dir)),
            cwd=self._program.cwd,
            log=folder.supervisor_log,
            lock=folder.supervisor_lock,
            environment=dict(self._program.environment),
        )
        begins = run.wish is Wish.RUN and run.state in _AT_REST
        try:
            is_started = (self._start_ahead if begins else self._executor.start)(command) is not None
        except ProcessError:
            if lay_to_rest(run, self._store, self._executor, self._clock):
                return False
            raise
        if is_started:
            self._starts.setdefault(run.id, deque(maxlen=_MOST_STARTS)).append(self._clock.monotonic())
        return is_started

    def _is_restless(self, run_id: str) -> bool:
        starts = self._starts.get(run_id)
        if starts is None or len(starts) < _MOST_STARTS:
            return False
        return self._clock.monotonic() - starts[0] < _WITHIN_SECONDS
