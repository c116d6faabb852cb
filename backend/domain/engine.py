"""The dashboard's server as its launcher sees it: status, events, and what follows from a look at it. Pure."""

import signal
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from backend.domain.run import ProcessIdentity


class EngineState(StrEnum):
    """Where the server stands. READY only after a good answer of its health route, never by what it prints."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"  # for its restart
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """The server now. `restart_count` begins anew after a healthy minute; `exit_code` is of its last end."""

    state: EngineState = EngineState.STOPPED
    port: int | None = None
    process: ProcessIdentity | None = None
    start_time: datetime | None = None
    restart_count: int = 0
    exit_code: int | None = None
    error: str = ""

    @property
    def running(self) -> bool:
        """Whether one can go there: it lives and has answered."""
        return self.state is EngineState.READY

    @property
    def pid(self) -> int | None:
        """The server's process id while there is one."""
        return self.process.pid if self.process else None


@dataclass(frozen=True, slots=True)
class EngineStatusChanged:
    """The event: what was, what is, and why in one sentence."""

    old: BackendStatus
    new: BackendStatus
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """How a server is looked after; all times in seconds.

    A hang is noticed after at most check_every * (misses + 1) = 4, so that health answers within 5 or a new
    server is started.
    """

    check_every: float = 1.0
    check_timeout: float = 1.0
    check_every_at_start: float = 0.25
    misses: int = 3
    start_limit: float = 120.0
    max_restarts: int = 3
    waits: tuple[float, ...] = (0.5, 1.0, 2.0)
    reset_after_healthy: float = 60.0
    stop_grace: float = 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """What counts about one server. Times are readings of one monotonic clock, in seconds."""

    started_at: float
    restarts: int = 0
    misses: int = 0
    is_ready: bool = False
    healthy_since: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The health route said 200."""


@dataclass(frozen=True, slots=True)
class Missed:
    """No good answer in time."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The process is gone; a negative code is a signal."""

    code: int | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Go on looking, by the newest record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Again:
    """End what is left of it, wait, and start another one, as restart number `restarts`."""

    wait_seconds: float
    restarts: int
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It was restarted often enough; a person may start it again."""

    reason: str


def decide_engine(
    record: Record, seen: Answered | Missed | Exited, at: float, policy: EnginePolicy
) -> Keep | Again | GiveUp:
    """What follows from a look at the server at a time."""
    if isinstance(seen, Answered):
        return Keep(_healthy(record, at, policy))
    if isinstance(seen, Exited):
        when = "stopped unexpectedly" if record.is_ready else "ended before it was ready"
        return _again(record, f"The dashboard {when} ({exit_words(seen.code)}).", policy)
    if not record.is_ready:
        if at - record.started_at < policy.start_limit:
            return Keep(record)
        return _again(record, f"The dashboard was not ready within {policy.start_limit:g} s.", policy)
    missed = replace(record, misses=record.misses + 1, healthy_since=None)
    if missed.misses < policy.misses:
        return Keep(missed)
    return _again(missed, f"The dashboard did not answer {policy.misses} checks in a row.", policy)


def exit_words(code: int | None) -> str:
    """How a process ended, for people."""
    if code is None:
        return "exit code unknown"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _healthy(record: Record, at: float, policy: EnginePolicy) -> Record:
    since = at if record.healthy_since is None else record.healthy_since
    restarts = 0 if at - since >= policy.reset_after_healthy else record.restarts
    return replace(record, misses=0, is_ready=True, healthy_since=since, restarts=restarts)


def _again(record: Record, reason: str, policy: EnginePolicy) -> Again | GiveUp:
    if record.restarts >= policy.max_restarts:
        return GiveUp(f"{reason} It had been restarted {record.restarts} times.")
    waits = policy.waits or (0.0,)
    return Again(waits[min(record.restarts, len(waits) - 1)], record.restarts + 1, reason)
