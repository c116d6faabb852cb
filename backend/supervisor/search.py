"""Finding a run's trainer, or making sure that there is none."""

from collections.abc import Callable
from pathlib import Path

from backend.domain.ports import Clock, Executor
from backend.domain.run import ProcessIdentity
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, Wish
from backend.supervisor.owned_run import OwnedRun
from backend.supervisor.rules import Rules


class Search:
    """Looks at the trainer's lock until it says something certain; the unknown starts and ends nothing."""

    def __init__(
        self, owned: OwnedRun, executor: Executor, clock: Clock, rules: Rules, pause: Callable[[float], None]
    ) -> None:
        self._owned = owned
        self._executor = executor
        self._clock = clock
        self._rules = rules
        self._pause = pause

    def trainer(self, marks: dict[str, str]) -> ProcessIdentity | None:
        """The living trainer of the latest attempt, or None if it is certainly gone.

        `marks` are the variables of its environment. What it left behind must not keep the lock for ever: it
        is ended when the trainer itself is known to be gone, or when a person wants its end and the grace is
        over.
        """
        since = self._clock.monotonic()
        has_said = False
        while True:
            liveness, process = self._executor.find(self._lock)
            recorded = self._recorded()
            if process or recorded or liveness is Liveness.DEAD:
                return process or recorded
            if liveness is Liveness.ALIVE and (self._is_recorded_gone() or self._is_end_overdue(since)):
                self._executor.sweep(marks)
            if not has_said:
                self._owned.remark(_PUZZLES[liveness])
                has_said = True
            self._pause(self._rules.poll_seconds)
            self._owned.refresh()

    def clear(self) -> None:
        """Return when no trainer lives; one that belongs to no open attempt is asked to end, then made to."""
        since = self._clock.monotonic()
        has_said = False
        while True:
            liveness, process = self._executor.find(self._lock)
            if liveness is Liveness.DEAD:
                return
            if not has_said:
                self._owned.remark(_STRAY if process else _PUZZLES[liveness])
                has_said = True
                if process:
                    self._executor.terminate(process)
            if process and self._clock.monotonic() - since > self._rules.stop_grace_seconds:
                self._executor.kill(process)
            self._pause(self._rules.poll_seconds)
            if self._owned.refresh().wish is not Wish.RUN and process is None:
                return  # a known one is seen to its end even then: it may hold the device that the run gives back

    @property
    def _lock(self) -> Path:
        return RunDirectory(self._owned.now.run_dir).trainer_lock

    def _recorded(self) -> ProcessIdentity | None:
        """The process that the store names, if it lives, whatever the lock says."""
        attempt = self._owned.now.latest_attempt
        process = attempt.process if attempt else None
        return process if process and self._executor.wait(process, 0) is None else None

    def _is_recorded_gone(self) -> bool:
        attempt = self._owned.now.latest_attempt
        return attempt is not None and attempt.process is not None and self._recorded() is None

    def _is_end_overdue(self, since: float) -> bool:
        wish = self._owned.now.wish
        grace = 0.0 if wish is Wish.STOP_NOW else self._rules.stop_grace_seconds
        return wish is not Wish.RUN and self._clock.monotonic() - since > grace


_STRAY = "a trainer lives that belongs to no open attempt; it is asked to end"
_PUZZLES = {
    Liveness.ALIVE: "something that cannot be identified holds the trainer's lock; waiting for its end",
    Liveness.UNKNOWN: "whether the trainer lives cannot be told; waiting, nothing is started",
}
