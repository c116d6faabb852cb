"""What becomes of runs that were active when the machine went down. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from backend.domain.run import Run
from backend.domain.states import ENDS, RunState, Wish

MACHINE_RESTARTED = "machine-restarted"
WHY = "the machine was restarted"
_AT_REST = ENDS | {RunState.CREATED, RunState.QUEUED, RunState.PAUSED}


class RebootPolicy(StrEnum):
    """Go on by itself; wait until a person says so; end it, to be resumed at any time."""

    RESUME = "resume"
    ASK = "ask"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Rest:
    """The run is laid to rest in a state, with a wish that keeps it there."""

    state: RunState
    wish: Wish
    reason: str
    message: str


_RESTS = {
    RebootPolicy.ASK: Rest(
        RunState.PAUSED,
        Wish.PAUSE,
        "a person decides what follows (after_reboot = ask)",
        "The machine was restarted while this run was active. Resume it to go on from its last checkpoint.",
    ),
    RebootPolicy.LEAVE: Rest(
        RunState.STOPPED,
        Wish.STOP,
        "left as it is (after_reboot = leave)",
        "The machine was restarted while this run was active, and it was left. Resumed, it goes on from its last "
        "checkpoint.",
    ),
}


def after_reboot(run: Run, boot_id: str, policy: RebootPolicy) -> Rest | None:
    """What becomes of a run that nobody looks after now; None: what becomes of any interrupted run.

    It is about runs that a person wants to go on, and whose supervisor (without one on record: whose trainer) was
    of another boot. Once a supervisor of this boot has taken the run, its records are of this boot. Where there are
    no boot ids (not Linux) it is always None.
    """
    if run.wish is not Wish.RUN or run.state in _AT_REST:
        return None
    latest = run.latest_attempt
    recorded = run.supervisor or (latest.process if latest else None)
    if recorded is None or recorded.boot_id == boot_id:
        return None
    return _RESTS.get(policy)
