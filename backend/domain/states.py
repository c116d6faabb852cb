"""The states of a run, the wishes of a person, and which state may follow which."""

from enum import StrEnum


class RunState(StrEnum):
    """What a run is. Only its supervisor changes it; while it has none, the queue may let it wait."""

    CREATED = "created"
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    BACKOFF = "backoff"
    STOPPING = "stopping"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class Wish(StrEnum):
    """What a person asked for. Only services change it, but for a supervisor that lays a fulfilled one to rest.

    PAUSE and STOP let the trainer write a checkpoint, STOP_NOW does not wait for it.
    """

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"
    STOP_NOW = "stop_now"

    @property
    def is_stop(self) -> bool:
        """Whether the run is to end, with or without a checkpoint."""
        return self in (Wish.STOP, Wish.STOP_NOW)


class Liveness(StrEnum):
    """What is known about a process. UNKNOWN never restarts anything."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


ENDS = frozenset({RunState.FINISHED, RunState.STOPPED, RunState.FAILED})

# exit 0; crashed and worth retrying; a person said stop or pause; found dead; crashed for good; checkpointed as asked
_WAYS_OUT = frozenset(
    {
        RunState.FINISHED,
        RunState.BACKOFF,
        RunState.STOPPING,
        RunState.PAUSING,
        RunState.INTERRUPTED,
        RunState.FAILED,
        RunState.STOPPED,
        RunState.PAUSED,
    }
)

# The left state may become any of the right ones; each line says what takes the arrow, in the same order.
TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    # a supervisor took the run; no place is free; held or stopped before anything started; it can never start
    RunState.CREATED: frozenset(
        {RunState.STARTING, RunState.QUEUED, RunState.PAUSED, RunState.STOPPED, RunState.FAILED}
    ),
    # a place became free; a person holds it back; a person said stop; it can never start
    RunState.QUEUED: frozenset({RunState.STARTING, RunState.PAUSED, RunState.STOPPED, RunState.FAILED}),
    # first heartbeat, or any way a running one may go
    RunState.STARTING: frozenset({RunState.RUNNING}) | _WAYS_OUT,
    RunState.RUNNING: _WAYS_OUT,
    # the trainer ended; a person said stop meanwhile, and it ended; it had finished before it heard; it had failed;
    # found dead, or a person wants it to go on after all
    RunState.PAUSING: frozenset(
        {
            RunState.PAUSED,
            RunState.STOPPING,
            RunState.STOPPED,
            RunState.FINISHED,
            RunState.FAILED,
            RunState.INTERRUPTED,
        }
    ),
    # resumed; resumed, but no place is free; a person said stop; it cannot go on
    RunState.PAUSED: frozenset({RunState.STARTING, RunState.QUEUED, RunState.STOPPED, RunState.FAILED}),
    # the delay is over; a person said pause or stop meanwhile; the supervisor died while waiting; nothing left to try
    RunState.BACKOFF: frozenset(
        {RunState.STARTING, RunState.PAUSED, RunState.STOPPED, RunState.INTERRUPTED, RunState.FAILED}
    ),
    # the trainer ended; a person said pause meanwhile, and it ended; it had finished before it heard; it had failed;
    # found dead, or a person wants it to go on after all
    RunState.STOPPING: frozenset(
        {
            RunState.STOPPED,
            RunState.PAUSING,
            RunState.PAUSED,
            RunState.FINISHED,
            RunState.FAILED,
            RunState.INTERRUPTED,
        }
    ),
    # resumed; resumed, but its place is gone; a person said pause or stop; nothing to go on with; had finished unseen
    RunState.INTERRUPTED: frozenset(
        {
            RunState.STARTING,
            RunState.QUEUED,
            RunState.PAUSED,
            RunState.STOPPED,
            RunState.FAILED,
            RunState.FINISHED,
        }
    ),
    # a person asked to go on; no place is free for that; it cannot
    RunState.STOPPED: frozenset({RunState.STARTING, RunState.QUEUED, RunState.FAILED}),
    # a person asked to go on, or it has retries left; no place is free for that; a person gave up
    RunState.FAILED: frozenset({RunState.STARTING, RunState.QUEUED, RunState.STOPPED}),
    # extended by more steps; no place is free for that; it cannot; a person gave up before it started
    RunState.FINISHED: frozenset({RunState.STARTING, RunState.QUEUED, RunState.FAILED, RunState.STOPPED}),
}


def may_become(source: RunState, target: RunState) -> bool:
    """Whether the table has an arrow from `source` to `target`."""
    return target in TRANSITIONS[source]
