"""Reading runs and their journals from one snapshot."""

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import ColumnElement, and_, not_, or_, select, true
from sqlalchemy.orm import Session

from backend.domain.run import JournalLine, Run
from backend.domain.states import ENDS, RunState, Wish
from backend.store.errors import RunNotFound
from backend.store.mapping import to_line, to_run
from backend.store.tables import AnnotationRow, AttemptRow, JournalRow, RunRow, SlotRow


def find_run(session: Session, run_id: str) -> Run:
    """One run with its attempts. Raises RunNotFound."""
    joined = select(RunRow, AnnotationRow).join(AnnotationRow, AnnotationRow.run_id == RunRow.id)
    found = session.execute(joined.where(RunRow.id == run_id)).one_or_none()
    if found is None:
        raise RunNotFound(run_id=run_id)
    attempts = select(AttemptRow).where(AttemptRow.run_id == run_id).order_by(AttemptRow.number)
    slots = select(SlotRow.name).where(SlotRow.run_id == run_id)
    return to_run(*found, session.scalars(attempts).all(), session.scalars(slots).all())


def all_runs(session: Session) -> tuple[Run, ...]:
    """All runs, newest first: one query for the runs, one for the attempts, one for the slots."""
    return _runs(session, true())


def _runs(session: Session, wanted: ColumnElement[bool]) -> tuple[Run, ...]:
    in_order = select(AttemptRow).join(RunRow, RunRow.id == AttemptRow.run_id).where(wanted)
    in_order = in_order.order_by(AttemptRow.run_id, AttemptRow.number)
    grouped = groupby(session.scalars(in_order), key=lambda attempt: attempt.run_id)
    attempts = {run_id: list(group) for run_id, group in grouped}
    joined = select(RunRow, AnnotationRow).join(AnnotationRow, AnnotationRow.run_id == RunRow.id).where(wanted)
    rows = session.execute(joined.order_by(RunRow.created_at.desc(), RunRow.id.desc()))
    slots = slots_by_run(session)
    return tuple(to_run(row, note, attempts.get(row.id, ()), slots.get(row.id, ())) for row, note in rows)


def slots_by_run(session: Session) -> dict[str, list[str]]:
    """Which places each run holds; runs that hold none are not in it."""
    held: dict[str, list[str]] = {}
    for slot in session.scalars(select(SlotRow).order_by(SlotRow.name)):
        held.setdefault(slot.run_id, []).append(slot.name)
    return held


def unsettled_runs(session: Session) -> tuple[Run, ...]:
    """Runs that may need a supervisor: all but those at rest by wish."""
    is_over = RunRow.state.in_(ENDS)
    is_paused = and_(RunRow.state == RunState.PAUSED, RunRow.wish == Wish.PAUSE)
    wanted = or_(RunRow.wish == Wish.RUN, not_(or_(is_over, is_paused)))
    runs = _runs(session, wanted)
    return tuple(run for run in runs if run.needs_supervisor)


def find_journal(session: Session, run_id: str) -> Sequence[JournalLine]:
    """What happened to a run, oldest first. Raises RunNotFound."""
    if session.get(RunRow, run_id) is None:
        raise RunNotFound(run_id=run_id)
    lines = select(JournalRow).where(JournalRow.run_id == run_id).order_by(JournalRow.id)
    return [to_line(row) for row in session.scalars(lines)]
