"""A run as people and programs see it: the store's facts joined with the trainer's own."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import Attempt, ProcessIdentity, Run
from backend.domain.states import RunState, Wish

_WITH_TRAINER = frozenset({RunState.STARTING, RunState.RUNNING, RunState.PAUSING, RunState.STOPPING})


@dataclass(frozen=True, slots=True)
class RunView:
    """`step` of `total_steps` is 0 of 0 until a trainer has said more. Pids are of living processes only.

    `queue_position` counts from 1, for runs that wait for a place on a device. `standby_bytes` is the resident
    memory of the process that waits to take over, measured now.
    """

    run: Run
    step: int
    total_steps: int
    last_checkpoint_step: int | None
    has_adapter: bool
    supervisor_pid: int | None
    trainer_pid: int | None
    heartbeat: Heartbeat | None
    queue_position: int | None = None
    standby_pid: int | None = None
    standby_bytes: int | None = None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id

    @property
    def name(self) -> str:
        """What people call it."""
        return self.run.name

    @property
    def state(self) -> RunState:
        """What it is."""
        return self.run.state

    @property
    def wish(self) -> Wish:
        """What a person asked for."""
        return self.run.wish

    @property
    def needs_person(self) -> bool:
        """Whether nothing goes on until a person decides: it failed, and is not tried again, or it is paused."""
        has_failed = self.run.state is RunState.FAILED and self.run.wish is not Wish.RUN
        return has_failed or self.run.is_paused

    @property
    def asks_person(self) -> bool:
        """Whether something went wrong that a person has to decide about: it failed, or it paused by itself."""
        return self.needs_person and not (self.run.is_paused and not self.run.error_id)

    @property
    def progress(self) -> float | None:
        """Share of the steps done, 0 to 1; None before the number of steps is known."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else None

    @property
    def phase(self) -> Phase | None:
        """What the living trainer does now; None while the last sign of life is that of an ended attempt."""
        beat, attempt = self.heartbeat, self.run.latest_attempt
        if beat is None or self.run.state not in _WITH_TRAINER or (attempt and attempt.number != beat.attempt):
            return None
        return beat.phase

    @property
    def eta_seconds(self) -> float | None:
        """An estimate: steps left times the measured seconds per step; None unless it is training."""
        beat = self.heartbeat
        if self.run.state is not RunState.RUNNING or beat is None or not beat.seconds_per_step:
            return None
        return max(0, self.total_steps - self.step) * beat.seconds_per_step

    def to_json(self) -> dict[str, Any]:
        """What `runs show --json` and GET /api/runs/ID give."""
        run = self.run
        return {
            "id": run.id,
            "name": run.name,
            "state": run.state.value,
            "wish": run.wish.value,
            "step": self.step,
            "total_steps": self.total_steps,
            "message": run.message,
            "error_id": run.error_id,
            "run_dir": str(run.run_dir),
            "supervisor_pid": self.supervisor_pid,
            "trainer_pid": self.trainer_pid,
            "standby_pid": self.standby_pid,
            "standby_bytes": self.standby_bytes,
            "last_checkpoint_step": self.last_checkpoint_step,
            "has_adapter": self.has_adapter,
            "phase": self.phase.value if self.phase else None,
            "loss": self.heartbeat.loss if self.heartbeat else None,
            "eta_seconds": self.eta_seconds,
            "method": run.method,
            "base_model": run.base_model,
            "dataset": run.dataset,
            "created_at": _text(run.created_at),
            "updated_at": _text(run.updated_at),
            "origin": asdict(run.origin) if run.origin else None,
            "keeps_slot": run.keeps_slot,
            "notes": run.notes,
            "tags": list(run.tags),
            "priority": run.priority,
            "after": run.after,
            "retries": run.retries,
            "queued_at": _text(run.queued_at),
            "queue_position": self.queue_position,
            "slots": list(run.slots),
            "attempts": [_attempt(attempt) for attempt in run.attempts],
        }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "pid": _pid(attempt.process),
        "started_at": _text(attempt.started_at),
        "ended_at": _text(attempt.ended_at),
        "exit_code": attempt.exit_code,
        "resumed_from_step": attempt.resumed_from_step,
        "last_step": attempt.last_step,
        "reason": attempt.reason,
    }


def _pid(process: ProcessIdentity | None) -> int | None:
    return process.pid if process else None


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
