"""StatusManager: the typed read side of runs, joining the store with what the trainers write."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backend.domain.heartbeat import Heartbeat
from backend.domain.ports import Executor, RunFiles, RunStore
from backend.domain.queue import line, waits
from backend.domain.run import JournalLine, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView

LOG_BYTES = 256_000


class StatusManager:
    """Thread-safe. Views of runs at rest, and of runs that wait, are remembered until the run changes: 1,000 list fast.

    `memory_of` gives the resident bytes of a pid.
    """

    def __init__(
        self,
        store: RunStore,
        files: RunFiles,
        executor: Executor,
        memory_of: Callable[[int], int | None] = lambda _: None,
    ) -> None:
        self._store = store
        self._files = files
        self._executor = executor
        self._memory_of = memory_of
        self._lock = threading.Lock()
        self._still: dict[str, RunView] = {}
        self._list: tuple[int, tuple[RunView, ...]] | None = None

    def list(self) -> tuple[RunView, ...]:
        """All runs, newest first."""
        version = self._store.version()
        remembered = self._list
        if remembered and remembered[0] == version:
            return self._as_now(remembered[1])
        runs = self._store.list()
        places = _positions(runs)
        views = tuple(self._view(run, places.get(run.id)) for run in runs)
        self._list = (version, views)
        return views

    def active(self) -> tuple[RunView, ...]:
        """Runs that somebody looks after now or should; a paused one waits for a person and is none of them."""
        return tuple(view for view in self.list() if view.run.is_active)

    def show(self, run_id: str) -> RunView:
        """One run. Raises RunNotFound."""
        run = self._store.get(run_id)
        places = _positions(self._store.list()) if waits(run) else {}
        return self._view(run, places.get(run_id))

    def journal(self, run_id: str) -> Sequence[JournalLine]:
        """What happened to a run, oldest first."""
        return self._store.journal(run_id)

    def log(self, run_id: str, attempt: int | None = None, max_bytes: int = LOG_BYTES) -> str:
        """The end of an attempt's log, the latest attempt's by default."""
        run = self._store.get(run_id)
        latest = run.latest_attempt
        number = attempt or (latest.number if latest else 0)
        return self._files.log(run.run_dir, number, max_bytes) if number else ""

    def log_parts(self, run_id: str, attempt: int) -> Sequence[Path]:
        """The files that make up an attempt's whole log; none if there is no such attempt. Raises RunNotFound."""
        return self._files.log_parts(self._store.get(run_id).run_dir, attempt)

    def log_bytes(self, run_id: str, attempt: int) -> int:
        """How long an attempt's log is. Raises RunNotFound."""
        return self._files.log_bytes(self._store.get(run_id).run_dir, attempt)

    def config_text(self, run_id: str) -> str | None:
        """The run's run.yaml."""
        return self._files.config_text(self._store.get(run_id).run_dir)

    def forget(self, run_id: str) -> None:
        """Let go of what was remembered of a run that is no more."""
        with self._lock:
            self._still.pop(run_id, None)

    def version(self) -> int:
        """Changes whenever the store does."""
        return self._store.version()

    def _as_now(self, views: tuple[RunView, ...]) -> tuple[RunView, ...]:
        """The same runs: of those at work, what their trainers have written since."""
        if not any(_is_at_work(view.run) for view in views):
            return views
        return tuple(self._look(view.run, view.queue_position) if _is_at_work(view.run) else view for view in views)

    def _view(self, run: Run, position: int | None) -> RunView:
        if _is_at_work(run):
            return self._look(run, position)
        with self._lock:
            known = self._still.get(run.id)
        if known and known.run == run and known.queue_position == position:
            return known
        view = replace(known, queue_position=position) if known and known.run == run else self._look(run, position)
        with self._lock:
            self._still[run.id] = view
        return view

    def _look(self, run: Run, position: int | None = None) -> RunView:
        beat = self._files.heartbeat(run.run_dir)
        last = run.latest_attempt
        step = max(beat.step if beat else 0, (last.last_step or 0) if last and not run.needs_supervisor else 0)
        standby_pid = self._pid(RunDirectory(run.run_dir).standby_lock, run)
        return RunView(
            run=run,
            step=step,
            total_steps=beat.total_steps if beat else 0,
            last_checkpoint_step=self._files.last_checkpoint_step(run.run_dir),
            has_adapter=self._files.has_adapter(run.run_dir),
            supervisor_pid=self._pid(RunDirectory(run.run_dir).supervisor_lock, run),
            trainer_pid=self._pid(RunDirectory(run.run_dir).trainer_lock, run),
            heartbeat=_of_this_life(beat, run),
            queue_position=position,
            standby_pid=standby_pid,
            standby_bytes=self._memory_of(standby_pid) if standby_pid else None,
        )

    def _pid(self, lock: Path, run: Run) -> int | None:
        if not run.needs_supervisor:
            return None
        found = self._executor.find(lock)[1]
        return found.pid if found else None


def _is_at_work(run: Run) -> bool:
    """Whether its files may change without a word in the store."""
    return run.needs_supervisor and not waits(run)


def _positions(runs: Sequence[Run]) -> dict[str, int]:
    return {run.id: number for number, run in enumerate(line(runs), start=1)}


def _of_this_life(beat: Heartbeat | None, run: Run) -> Heartbeat | None:
    """A heartbeat counts as the run's present only if it is of the newest attempt."""
    latest = run.latest_attempt
    return beat if beat and (latest is None or beat.attempt == latest.number) else None
