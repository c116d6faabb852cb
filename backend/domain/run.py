"""What the store knows about a run: the run, its attempts, its journal."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from backend.domain.states import ENDS, RunState, Wish


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be mistaken for another: pid, kernel start time in ticks, boot id.

    `start_ticks` is field 22 of /proc/PID/stat on Linux; elsewhere the creation time in milliseconds.
    """

    pid: int
    start_ticks: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One trainer process of a run. `exit_code` is negative for a signal and None while unknown."""

    number: int
    token: str
    started_at: datetime
    process: ProcessIdentity | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    resumed_from_step: int | None = None
    last_step: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One change of a run and why. `source` and `target` are equal for remarks that changed no state."""

    at: datetime
    source: RunState
    target: RunState
    reason: str
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that another one came from: what was done ("fork", "start-over"), and from which step."""

    run_id: str
    kind: str
    step: int | None = None

    def sentence(self) -> str:
        """For a person, such as: Forked from the run a-run at step 400."""
        if self.kind == "fork":
            return f"Forked from the run {self.run_id} at step {self.step}."
        return f"The run {self.run_id} once more, from the start."


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the store has it. `fence` grows by one with each supervisor that takes the run.

    Of two waiting runs the one with the higher `priority` starts first, then the one queued earlier. `after` is
    the id of a run that has to finish before. `retries`: so often a run that failed for good is queued again.
    `slots` are the places on devices ("gpu:0", "cpu:0") that it holds; a paused run with `keeps_slot` holds on.
    """

    id: str
    name: str
    run_dir: Path
    state: RunState
    wish: Wish
    created_at: datetime
    updated_at: datetime
    message: str = ""
    error_id: str = ""
    method: str = ""
    base_model: str = ""
    dataset: str = ""
    fence: int = 0
    failures: int = 0
    supervisor: ProcessIdentity | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    priority: int = 0
    after: str = ""
    retries: int = 0
    queued_at: datetime | None = None
    keeps_slot: bool = False
    slots: tuple[str, ...] = ()
    origin: Origin | None = None
    attempts: tuple[Attempt, ...] = field(default=())

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens unless a person asks."""
        return self.state in ENDS

    @property
    def is_active(self) -> bool:
        """Whether it goes on, or will without a person, perhaps after its end: extended, or with retries left."""
        return self.needs_supervisor

    @property
    def is_paused(self) -> bool:
        """Whether it waits, without a process, for a person to resume it."""
        return self.state is RunState.PAUSED and self.wish is Wish.PAUSE

    @property
    def can_resume(self) -> bool:
        """Whether a person may let it go on: it is at rest or about to be, and not finished."""
        return self.wish is not Wish.RUN and self.state is not RunState.FINISHED

    @property
    def latest_attempt(self) -> Attempt | None:
        """The newest attempt, ended or not."""
        return self.attempts[-1] if self.attempts else None

    @property
    def needs_supervisor(self) -> bool:
        """Whether somebody has to look after this run now."""
        if self.state in ENDS:
            return self.wish is Wish.RUN
        return not self.is_paused  # also to end what never began
