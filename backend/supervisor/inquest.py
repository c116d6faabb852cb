"""From the end of an attempt to the facts that a decision needs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from backend.domain.decisions import Ending
from backend.domain.diagnosis import NO_RESULT, Diagnosis, diagnose
from backend.domain.disk_room import Room
from backend.domain.exit_record import ExitRecord, Proposal
from backend.domain.heartbeat import Heartbeat
from backend.domain.ports import Clock
from backend.domain.run import Attempt
from backend.errors import StudioError
from backend.supervisor.evidence import Evidence
from backend.supervisor.watch import Seen

_LATELY_SECONDS = 60.0  # longer than the kernel takes to bury a large process


@dataclass(slots=True)
class Inquest:
    """`count_oom_kills` gives the kernel's count of processes killed for want of memory, or None.

    The count is the whole machine's, so only kills of the last one to two minutes are evidence: what was
    killed in another container hours ago says nothing.
    """

    evidence: Evidence
    count_oom_kills: Callable[[], int | None]
    clock: Clock
    measure_room: Callable[[], Room | None] = lambda: None
    _oom_kills_before: int | None = field(default=None, init=False)
    _oom_kills_lately: int | None = field(default=None, init=False)
    _noted_at: float | None = field(default=None, init=False)

    def begin(self) -> None:
        """Take the readings that the end will be compared with."""
        self._noted_at = self.clock.monotonic()
        self._oom_kills_before = self._oom_kills_lately = self.count_oom_kills()

    def note(self) -> None:
        """While the trainer lives: let the readings age no further than two minutes."""
        if self._noted_at is None:
            self.begin()
        elif self.clock.monotonic() - self._noted_at >= _LATELY_SECONDS:
            before = self._oom_kills_lately
            self.begin()
            self._oom_kills_before = before

    def ending(self, attempt: Attempt, seen: Seen | None) -> Ending:
        """What is known about the end of an attempt; `seen` is None if it was found dead."""
        record = self.evidence.exit_record(attempt.number)
        code = _exit_code(seen, record)
        found = diagnose(
            code,
            record,
            self.evidence.log_tail(attempt.number),
            hung=seen is not None and seen.was_hung,
            oom_evidence=self._has_oom_evidence(),
        )
        has_result = code != 0 or record is not None or self.evidence.has_result()
        resume_step = self.evidence.resume_step()
        heartbeat = self._own_heartbeat(attempt)
        return Ending(
            exit_code=code,
            diagnosis=found if has_result else NO_RESULT,
            last_step=record.step if record else heartbeat.step if heartbeat else None,
            has_new_checkpoint=_is_newer(resume_step, attempt.resumed_from_step),
            resume_step=resume_step,
            was_killed_to_stop=seen is not None and seen.was_killed_to_stop,
            was_found_dead=seen is None and record is None,
            has_result=has_result,
            phase=heartbeat.phase if heartbeat else None,
            proposal=_proposal(record),
            room=self.measure_room(),
        )

    def _own_heartbeat(self, attempt: Attempt) -> Heartbeat | None:
        heartbeat = self.evidence.heartbeat()
        return heartbeat if heartbeat and heartbeat.token == attempt.token else None

    def _has_oom_evidence(self) -> bool:
        now = self.count_oom_kills()
        return self._oom_kills_before is not None and now is not None and now > self._oom_kills_before


def _proposal(record: ExitRecord | None) -> Proposal | None:
    if record is None or not record.changes or record.good_step is None:
        return None
    return Proposal(record.good_step, record.changes)


def _exit_code(seen: Seen | None, record: ExitRecord | None) -> int | None:
    """A trainer that wrote its record was done: what killed it on its way out (exit handlers) is no news."""
    code = seen.exit.code if seen else None
    return record.code if record and (code is None or code < 0) else code


def _is_newer(step: int | None, than: int | None) -> bool:
    return step is not None and (than is None or step > than)


def not_started(error: StudioError | OSError, resume_step: int | None) -> Ending:
    """An attempt whose process could not even be made."""
    told = error.explain() if isinstance(error, StudioError) else None
    found = Diagnosis(
        told.id if told else "trainer-not-started",
        f"could not be started: {error.explain().why if isinstance(error, StudioError) else error}".rstrip("."),
        told.fix if told else "Check that the run's folder may be written and that its disk is not full.",
        is_worth_retrying=True,
    )
    return Ending(None, found, resume_step=resume_step)
