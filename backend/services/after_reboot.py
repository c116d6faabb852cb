"""AfterReboot: runs that were active when the machine went down, laid to rest if the settings say so."""

from backend.domain.ports import Clock, Executor, RunStore
from backend.domain.reboot import MACHINE_RESTARTED, WHY, RebootPolicy, Rest, after_reboot
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import Liveness, RunState
from backend.domain.transition import AttemptEnd, Transition
from backend.store.errors import IllegalTransition, RunNotFound, StaleTransition


class AfterReboot:
    """Safe to call from any thread and any number of programs at once: each change compares state and fence."""

    def __init__(self, store: RunStore, executor: Executor, clock: Clock, policy: str, boot_id: str) -> None:
        self._store = store
        self._executor = executor
        self._clock = clock
        self.policy = RebootPolicy(policy)
        self._boot_id = boot_id
        self._seen: int | None = None

    def settle(self) -> tuple[str, ...]:
        """Lay to rest what has to be; the ids of these runs. Costs nothing under `resume` or if nothing changed."""
        if self.policy is RebootPolicy.RESUME or (version := self._store.version()) == self._seen:
            return ()
        judged = [(run, after_reboot(run, self._boot_id, self.policy)) for run in self._store.unsettled()]
        concerned = [(run, rest) for run, rest in judged if rest is not None]
        settled = tuple(run.id for run, rest in concerned if self._settle(run, rest))
        if len(settled) == len(concerned):  # else they are looked at again, though nothing changes in the store
            self._seen = version
        return settled

    def _settle(self, run: Run, rest: Rest) -> bool:
        if not self._is_alone(run):
            return False
        try:
            self._lay_to_rest(run, rest)
        except (StaleTransition, IllegalTransition, RunNotFound):
            return False  # somebody else has just dealt with it
        return True

    def _is_alone(self, run: Run) -> bool:
        """Nobody works on it for certain: another machine may share the folder."""
        folder = RunDirectory(run.run_dir)
        locks = (folder.supervisor_lock, folder.trainer_lock)
        return all(self._executor.find(lock)[0] is Liveness.DEAD for lock in locks)

    def _lay_to_rest(self, run: Run, rest: Rest) -> None:
        if run.state is not RunState.INTERRUPTED:
            latest = run.latest_attempt
            is_open = latest is not None and latest.ended_at is None
            end = AttemptEnd(None, None, WHY) if is_open else None
            run = self._store.apply(self._transition(run, RunState.INTERRUPTED, WHY, rest.message, end=end))
        self._store.apply(self._transition(run, rest.state, f"{WHY}; {rest.reason}", rest.message, rest=rest))

    def _transition(
        self,
        run: Run,
        target: RunState,
        reason: str,
        message: str,
        *,
        end: AttemptEnd | None = None,
        rest: Rest | None = None,
    ) -> Transition:
        return Transition(
            run_id=run.id,
            fence=run.fence,
            source=run.state,
            target=target,
            reason=reason,
            message=message,
            at=self._clock.now(),
            end=end,
            error_id=MACHINE_RESTARTED,
            wish=rest.wish if rest else None,
        )
