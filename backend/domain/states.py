"""The states of a run, the wishes of a person, and which state may follow which."""

from enum import StrEnum


class RunState(StrEnum):
    """What a run is. Only the run's supervisor changes it."""

    CREATED = "created"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class Wish(StrEnum):
    """What a person asked for. Only services change it."""

    RUN = "run"
    STOP = "stop"


class Liveness(StrEnum):
    """What is known about a process. UNKNOWN never restarts anything."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


ENDS = frozenset({RunState.FINISHED, RunState.STOPPED, RunState.FAILED})
ACTIVE = frozenset(RunState) - ENDS - {RunState.CREATED}

# exit 0; crashed and worth retrying; a person said stop; found dead; crashed for good; checkpointed on request
_WAYS_OUT = frozenset(
    {
        RunState.FINISHED,
        RunState.BACKOFF,
        RunState.STOPPING,
        RunState.INTERRUPTED,
        RunState.FAILED,
        RunState.STOPPED,
    }
)

# The left state may become any of the right ones; each line says what takes the arrow, in the same order.
TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    # a supervisor took the run; stopped before anything started; it can never start
    RunState.CREATED: frozenset({RunState.STARTING, RunState.STOPPED, RunState.FAILED}),
    # first heartbeat, or any way a running one may go
    RunState.STARTING: frozenset({RunState.RUNNING}) | _WAYS_OUT,
    RunState.RUNNING: _WAYS_OUT,
    # the delay is over; a person said stop meanwhile; the supervisor died while waiting; nothing left to try
    RunState.BACKOFF: frozenset({RunState.STARTING, RunState.STOPPED, RunState.INTERRUPTED, RunState.FAILED}),
    # the trainer ended; it had finished before it heard; it had failed; found dead
    RunState.STOPPING: frozenset({RunState.STOPPED, RunState.FINISHED, RunState.FAILED, RunState.INTERRUPTED}),
    # resumed; a person said stop; nothing to go on with; the trainer had finished unseen
    RunState.INTERRUPTED: frozenset({RunState.STARTING, RunState.STOPPED, RunState.FAILED, RunState.FINISHED}),
    # a person asked to go on; it cannot
    RunState.STOPPED: frozenset({RunState.STARTING, RunState.FAILED}),
    # a person asked to go on; a person gave up
    RunState.FAILED: frozenset({RunState.STARTING, RunState.STOPPED}),
    RunState.FINISHED: frozenset(),
}


def may_become(source: RunState, target: RunState) -> bool:
    """Whether the table has an arrow from `source` to `target`."""
    return target in TRANSITIONS[source]
