"""What follows the end of an attempt: another one, or the end of the run. Pure."""

import signal
from dataclasses import dataclass

from backend.domain.adjustments import Adjustment
from backend.domain.diagnosis import NEVER_RETRIED, Diagnosis
from backend.domain.disk_room import DISK_FULL_ID, DISK_FULL_IDS, MAKE_ROOM, Room
from backend.domain.exit_record import Proposal
from backend.domain.heartbeat import Phase
from backend.domain.run import Run
from backend.domain.states import RunState, Wish
from backend.errors import EXIT_CHECKPOINTED

_LEST_IT_SPINS_SECONDS = 0.5
_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a failing run is started again, at first at once. The last wait repeats if failures outnumber them."""

    max_failures: int = 3
    backoff_seconds: tuple[float, ...] = (0.0, 1.0, 2.0)

    def wait_after(self, failures: int) -> float:
        """Seconds before the restart that follows this many failures in a row."""
        waits = self.backoff_seconds or (0.0,)
        return waits[min(failures, len(waits)) - 1]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended. `resume_step` is the newest checkpoint that verifies; None means there is none.

    `has_new_checkpoint`: it is newer than when the attempt began. `was_killed_to_stop`: it was killed because of
    a wish, as it did not end in time or was not to be given any. `was_found_dead`: nobody was watching, and it
    left no word of its own. `has_result`: with exit 0 it left an exit record or a result, so that we may believe it.
    `phase` is what it was doing by its last sign of life, `room` what its disk has for the next checkpoint.
    """

    exit_code: int | None
    diagnosis: Diagnosis
    last_step: int | None = None
    has_new_checkpoint: bool = False
    resume_step: int | None = None
    was_killed_to_stop: bool = False
    was_found_dead: bool = False
    has_result: bool = True
    phase: Phase | None = None
    proposal: Proposal | None = None
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Restart:
    """Start another attempt after a wait; `failures` in a row are counted from now on.

    `change` is to be written down before it starts.
    """

    delay_seconds: float
    reason: str
    failures: int
    change: Adjustment | None = None


@dataclass(frozen=True, slots=True)
class End:
    """The run is over until a person asks for more."""

    state: RunState
    reason: str
    message: str
    error_id: str = ""
    is_worth_retrying: bool = False


def spread(seconds: float, chance: float) -> float:
    """A wait that is up to a quarter longer by chance (0 to 1): runs that failed together do not start together."""
    return seconds * (1 + _SPREAD * chance)


def decide(
    ending: Ending,
    wish: Wish,
    failures: int,
    policy: Policy,
    change: Adjustment | None = None,
    *,
    why_paused: str = "",
) -> Restart | End:
    """The first rule that fits; `failures` is the number in a row before this ending.

    Finished; stopped or paused as asked (`why_paused`: by the supervisor itself, for this reason); checkpointed
    or killed for a wish that was taken back; found dead; another attempt with changed orders, if there is such a
    `change` (none of these counts as a failure); not worth another attempt; too many failures in a row without a
    new checkpoint; else another attempt after the wait. A full disk pauses the run.
    """
    if ending.exit_code == 0 and ending.has_result:
        return End(RunState.FINISHED, "finished", f"Finished{_at(ending.last_step)}.")
    if wish is not Wish.RUN:
        return _stopped(ending, wish) if wish.is_stop else _paused(ending, why_paused)
    if ending.exit_code == EXIT_CHECKPOINTED or ending.was_killed_to_stop:
        return _go_on(ending, failures, policy)
    if ending.was_found_dead:
        return Restart(0.0, ending.diagnosis.reason, 0 if ending.has_new_checkpoint else failures)
    if change is not None:
        reason = f"{ending.diagnosis.reason}; {change.reason}"
        return Restart(policy.wait_after(1), reason, 0 if ending.has_new_checkpoint else failures, change)
    return _failed(ending, 1 if ending.has_new_checkpoint else failures + 1, policy)


def retries_left(end: End, run: Run) -> int | None:
    """How many retries a run has after this one, if its end is not its last; None if it is."""
    is_retried = end.is_worth_retrying and run.wish is Wish.RUN and run.retries > 0
    return run.retries - 1 if is_retried else None


def wish_at_rest(state: RunState, wish: Wish) -> Wish | None:
    """None, if the run is at rest by wish: it has that wish, unless a person asked to go on a moment ago."""
    if state is RunState.PAUSED:
        return Wish.PAUSE if wish is Wish.RUN else None
    return None if state is RunState.STOPPED else Wish.STOP


def _stopped(ending: Ending, wish: Wish) -> End:
    if ending.exit_code in _AS_ASKED:
        reason = "stopped on request"
        message = f"Stopped on request{_at(ending.last_step)}."
    elif ending.was_killed_to_stop and wish is Wish.STOP_NOW:
        reason = "stopped at once on request"
        message = f"Stopped at once on request{_at(ending.last_step)}."
    elif ending.was_killed_to_stop:
        reason = "killed, because it did not stop in time"
        message = "The trainer did not stop in time and was killed."
    else:
        reason = ending.diagnosis.reason
        message = f"Stopped on request, but the trainer ended first: {reason}."
    return End(RunState.STOPPED, reason, f"{message} {_resume(ending.resume_step)}")


def _without_room(ending: Ending) -> End:
    """The disk is full: another attempt would end the same way until somebody makes room."""
    found = ending.diagnosis
    room = f"{ending.room.sentence()}." if ending.room and ending.room.is_short else ""
    parts = [f"Paused{_at(ending.last_step)}: {found.reason}.", room, found.advice, _resume(ending.resume_step)]
    return End(RunState.PAUSED, found.reason, " ".join(part for part in parts if part), found.id)


def _paused(ending: Ending, why: str) -> End:
    """Paused, however the trainer ended; but what never works must not wait for a person to find out."""
    if ending.exit_code in NEVER_RETRIED:
        return _given_up(ending, 1)
    if ending.diagnosis.id in DISK_FULL_IDS:
        return _without_room(ending)
    reason = f"paused: {why}" if why else "paused on request"
    message = f"Paused: {why}." if why else f"Paused on request{_at(ending.last_step)}."
    if ending.was_killed_to_stop:
        reason = "killed, because it did not end in time; paused"
        message += " The trainer did not end in time and was killed."
    elif ending.exit_code not in _AS_ASKED:
        reason = f"{ending.diagnosis.reason}; paused"
        message += f" The trainer ended by itself first: {ending.diagnosis.reason}."
    if not why and ending.room is not None and ending.room.is_short:
        why = ending.room.sentence()
        message += f" The disk is nearly full: {why}."
    if why:
        message += f" {MAKE_ROOM}"
    error_id = DISK_FULL_ID if why else ""
    return End(RunState.PAUSED, reason, f"{message} {_resume(ending.resume_step)}", error_id)


def _go_on(ending: Ending, failures: int, policy: Policy) -> Restart:
    """Somebody else asked the trainer to stop. Without progress it waits a little, lest it spin."""
    if ending.was_killed_to_stop:
        return Restart(0.0, "killed, because it did not end in time; the run goes on", failures)
    if ending.has_new_checkpoint:
        return Restart(0.0, "checkpointed on request; the run goes on", 0)
    wait = max(policy.wait_after(1), _LEST_IT_SPINS_SECONDS)
    return Restart(wait, "stopped on request without a new checkpoint; the run goes on", failures)


def _failed(ending: Ending, failures: int, policy: Policy) -> Restart | End:
    found = ending.diagnosis
    if found.id in DISK_FULL_IDS:
        return _without_room(ending)
    if found.is_worth_retrying and failures <= policy.max_failures:
        return Restart(policy.wait_after(failures), found.reason, failures)
    return _given_up(ending, failures)


def _given_up(ending: Ending, failures: int) -> End:
    found = ending.diagnosis
    parts = [f"Failed{_at(ending.last_step)}: {found.reason}."]
    if found.is_worth_retrying and failures > 1:
        parts.append(f"That was failure {failures} in a row without a new checkpoint.")
    parts += [found.advice, _resume(ending.resume_step)]
    return End(
        RunState.FAILED, found.reason, " ".join(part for part in parts if part), found.id, found.is_worth_retrying
    )


def _at(step: int | None) -> str:
    return f" at step {step}" if step is not None else ""


def _resume(step: int | None) -> str:
    if step is None:
        return "It has no checkpoint: resumed, it begins from the start."
    return f"Resumed, it goes on from step {step}."


_AS_ASKED = (EXIT_CHECKPOINTED, -signal.SIGTERM)  # the latter: before it could listen
