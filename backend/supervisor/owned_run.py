"""The run as its supervisor has it: the newest copy, and changes under the supervisor's own fence."""

from backend.domain.ports import Clock
from backend.domain.run import ProcessIdentity, Run
from backend.domain.states import RunState, Wish
from backend.domain.transition import AttemptEnd, AttemptStart, Transition
from backend.store.errors import StaleTransition
from backend.supervisor.patience import PatientStore


class OwnedRun:
    """Claims the run when it is made. Methods raise StaleTransition once another supervisor took the run."""

    def __init__(self, run_id: str, store: PatientStore, clock: Clock, supervisor: ProcessIdentity) -> None:
        self._store = store
        self._clock = clock
        self._run = store.claim(run_id, supervisor)
        self._fence = self._run.fence

    @property
    def now(self) -> Run:
        """What is known without asking."""
        return self._run

    def refresh(self) -> Run:
        """The newest copy; while the store is away, the last one known."""
        changed = self._store.changed(self._run.id)
        return self._run if changed is None else self._checked(changed)

    def reread(self) -> Run:
        """The newest copy, waiting for the store if need be."""
        return self._checked(self._store.get(self._run.id))

    def remark(self, reason: str, process: ProcessIdentity | None = None) -> None:
        """A journal line; `process` is the latest attempt's."""
        self._run = self._store.remark(self._run.id, self._fence, reason, process)

    def reasons(self) -> list[str]:
        """What the journal says so far."""
        return self._store.journal(self._run.id)

    def move(
        self,
        target: RunState,
        reason: str,
        message: str,
        *,
        begin: AttemptStart | None = None,
        end: AttemptEnd | None = None,
        failures: int | None = None,
        error_id: str | None = None,
        wish: Wish | None = None,
        retries: int | None = None,
    ) -> None:
        """One transition from the state that we know."""
        transition = Transition(
            run_id=self._run.id,
            fence=self._fence,
            source=self._run.state,
            target=target,
            reason=reason,
            message=message,
            at=self._clock.now(),
            begin=begin,
            end=end,
            failures=failures,
            error_id=error_id,
            wish=wish,
            retries=retries,
        )
        self._run = self._store.apply(transition)

    def _checked(self, run: Run) -> Run:
        if run.fence != self._fence:
            expected, found = f"fence {self._fence}", f"fence {run.fence}"
            raise StaleTransition(run_id=run.id, expected=expected, found=found)
        self._run = run
        return run
