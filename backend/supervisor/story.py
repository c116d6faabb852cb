"""The sentences that a run shows while it goes on."""

from backend.domain.run import Attempt, Run
from backend.domain.states import RunState, Wish
from backend.domain.transition import AttemptEnd, AttemptStart


def resumed(step: int | None) -> str:
    """Where an attempt begins."""
    return f"resumed from step {step}" if step is not None else "from the start"


def ended(number: int, step: int | None, reason: str) -> str:
    """One sentence about an attempt that is over."""
    at = f" at step {step}" if step is not None else ""
    return f"Attempt {number} ended{at}: {reason}."


def beginning(before: Attempt | None, begin: AttemptStart) -> str:
    """What a run shows until the first heartbeat."""
    return f"{_past(before)}Attempt {begin.number} is starting, {resumed(begin.resumed_from_step)}."


def running(run: Run) -> str:
    """What happened to the last attempt, if there was one, and that the latest is running."""
    latest = run.attempts[-1]
    before = run.attempts[-2] if len(run.attempts) > 1 else None
    return f"{_past(before)}Attempt {latest.number} is running, {resumed(latest.resumed_from_step)}."


def waiting(number: int, end: AttemptEnd, delay_seconds: float) -> str:
    """What a run shows between two attempts."""
    when = f"in {round(delay_seconds, 2):g} s" if delay_seconds else "at once"
    return f"{ended(number, end.last_step, end.reason)} Attempt {number + 1} starts {when}."


def asked(wish: Wish, grace_seconds: float) -> tuple[str, str]:
    """What the journal says, and what a run shows, when its trainer is asked to end."""
    if wish is Wish.STOP_NOW:
        return "asked to stop at once", "Stopping at once: the trainer is ended without a new checkpoint."
    doing = "Pausing" if wish is Wish.PAUSE else "Stopping"
    return f"asked to {wish}", f"{doing}: the trainer has {grace_seconds:g} s to write a checkpoint."


def pausing(why: str, target: RunState) -> str:
    """What a run shows that pauses by itself."""
    return f"{target.capitalize()}: {why}. It goes on when it is resumed."


def tried_again(reason: str, retries: int | None) -> str:
    """Why a run ended, and if it is queued again, how often that may still happen."""
    if retries is None:
        return reason
    left = {0: "for the last time", 1: "once more after this one"}.get(retries, f"{retries} more times after this one")
    return f"{reason}; it is queued again, {left}"


def _past(attempt: Attempt | None) -> str:
    return f"{ended(attempt.number, attempt.last_step, attempt.reason)} " if attempt else ""
