"""Rows become the domain's records, and back."""

from collections.abc import Sequence
from pathlib import Path

from backend.domain.run import Attempt, JournalLine, Origin, ProcessIdentity, Run
from backend.domain.states import RunState, Wish
from backend.store.tables import AnnotationRow, AttemptRow, JournalRow, RunRow


def to_run(row: RunRow, annotation: AnnotationRow, attempts: Sequence[AttemptRow], slots: Sequence[str] = ()) -> Run:
    """A run from its rows; `attempts` in the order of their numbers."""
    return Run(
        id=row.id,
        name=annotation.name,
        run_dir=Path(row.run_dir),
        state=RunState(row.state),
        wish=Wish(row.wish),
        created_at=row.created_at,
        updated_at=row.updated_at,
        message=row.message,
        error_id=row.error_id,
        method=row.method,
        base_model=row.base_model,
        dataset=row.dataset,
        fence=row.fence,
        failures=row.failures,
        supervisor=_process(row.supervisor_pid, row.supervisor_start_ticks, row.supervisor_boot_id),
        notes=annotation.notes,
        tags=tuple(annotation.tags),
        priority=row.priority,
        after=row.after_run_id,
        retries=row.retries,
        queued_at=row.queued_at,
        keeps_slot=row.keeps_slot,
        slots=tuple(sorted(slots)),
        origin=Origin(row.origin_run_id, row.origin_kind, row.origin_step) if row.origin_run_id else None,
        attempts=tuple(_to_attempt(attempt) for attempt in attempts),
    )


def run_row(run: Run) -> RunRow:
    """The row of a run."""
    supervisor, origin = run.supervisor, run.origin
    return RunRow(
        id=run.id,
        run_dir=str(run.run_dir),
        state=run.state.value,
        wish=run.wish.value,
        created_at=run.created_at,
        updated_at=run.updated_at,
        message=run.message,
        error_id=run.error_id,
        method=run.method,
        base_model=run.base_model,
        dataset=run.dataset,
        fence=run.fence,
        failures=run.failures,
        supervisor_pid=supervisor.pid if supervisor else None,
        supervisor_start_ticks=supervisor.start_ticks if supervisor else None,
        supervisor_boot_id=supervisor.boot_id if supervisor else None,
        priority=run.priority,
        after_run_id=run.after,
        retries=run.retries,
        queued_at=run.queued_at,
        keeps_slot=run.keeps_slot,
        origin_run_id=origin.run_id if origin else "",
        origin_kind=origin.kind if origin else "",
        origin_step=origin.step if origin else None,
    )


def annotation_row(run: Run) -> AnnotationRow:
    """The row of what a person wrote about a run."""
    return AnnotationRow(run_id=run.id, name=run.name, notes=run.notes, tags=list(run.tags))


def attempt_row(run_id: str, attempt: Attempt) -> AttemptRow:
    """The row of an attempt."""
    process = attempt.process
    return AttemptRow(
        run_id=run_id,
        number=attempt.number,
        token=attempt.token,
        started_at=attempt.started_at,
        pid=process.pid if process else None,
        start_ticks=process.start_ticks if process else None,
        boot_id=process.boot_id if process else None,
        ended_at=attempt.ended_at,
        exit_code=attempt.exit_code,
        resumed_from_step=attempt.resumed_from_step,
        last_step=attempt.last_step,
        reason=attempt.reason,
    )


def to_line(row: JournalRow) -> JournalLine:
    """A journal line from its row."""
    return JournalLine(row.at, RunState(row.source), RunState(row.target), row.reason, row.attempt)


def journal_row(run_id: str, line: JournalLine) -> JournalRow:
    """The row of a journal line."""
    return JournalRow(
        run_id=run_id,
        at=line.at,
        source=line.source.value,
        target=line.target.value,
        reason=line.reason,
        attempt=line.attempt,
    )


def _to_attempt(row: AttemptRow) -> Attempt:
    return Attempt(
        number=row.number,
        token=row.token,
        started_at=row.started_at,
        process=_process(row.pid, row.start_ticks, row.boot_id),
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        resumed_from_step=row.resumed_from_step,
        last_step=row.last_step,
        reason=row.reason,
    )


def _process(pid: int | None, start_ticks: int | None, boot_id: str | None) -> ProcessIdentity | None:
    if pid is None or start_ticks is None or boot_id is None:
        return None
    return ProcessIdentity(pid, start_ticks, boot_id)
