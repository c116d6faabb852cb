"""One change of a run's state, with everything that changes in the same transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backend.domain.run import ProcessIdentity
from backend.domain.states import ENDS, RunState, Wish


@dataclass(frozen=True, slots=True)
class AttemptStart:
    """A new attempt begins with this transition."""

    number: int
    token: str
    resumed_from_step: int | None


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """The latest attempt ended with this transition."""

    exit_code: int | None
    last_step: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Transition:
    """From `source` to `target`, done only if the run is still in `source` and `fence` is still the newest.

    `reason` goes to the journal, `message` is what the run shows from now on. `None` leaves a fact as it is.
    `wish` is only set by a supervisor, to lay a fulfilled or hopeless wish to rest (an ended run: stop), or to
    pause the run by itself: a PAUSE takes the place of RUN only, never of what a person said a moment ago.
    """

    run_id: str
    fence: int
    source: RunState
    target: RunState
    reason: str
    message: str
    at: datetime
    begin: AttemptStart | None = None
    process: ProcessIdentity | None = None
    end: AttemptEnd | None = None
    failures: int | None = None
    error_id: str | None = None
    wish: Wish | None = None
    retries: int | None = None
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What the queue changes at once: who leaves its places, who goes to wait or to rest, who gets which places.

    `messages` replace what the runs say, until somebody looks after them again: no record in a folder says so.
    Places that are given are told in the journal.
    """

    leaving: tuple[str, ...] = ()
    transitions: tuple[Transition, ...] = ()
    grants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return bool(self.leaving or self.transitions or self.grants or self.messages)

    @property
    def run_ids(self) -> frozenset[str]:
        """The runs of which it changes more than what they say."""
        moved = (transition.run_id for transition in self.transitions)
        return frozenset((*self.leaving, *moved, *self.grants))


@dataclass(frozen=True, slots=True)
class Requeueing:
    """A person's change of a run's place in the queue, with a journal line if there is a reason; None keeps."""

    run_id: str
    reason: str = ""
    priority: int | None = None
    queued_at: datetime | None = None
    after: str | None = None


def leaves_slots(target: RunState, *, keeps_slot: bool) -> bool:
    """Whether a run that becomes `target` gives its places on devices back, in the same transaction."""
    return target in ENDS or target is RunState.QUEUED or (target is RunState.PAUSED and not keeps_slot)
