"""What a change of a run writes, inside the caller's transaction."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, CursorResult, Delete, Update, case, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.domain.run import Attempt, JournalLine, ProcessIdentity, Run
from backend.domain.states import RunState, Wish, may_become
from backend.domain.transition import AttemptEnd, AttemptStart, Transition, leaves_slots
from backend.store.errors import IllegalTransition, RunExists, RunNotFound, StaleTransition
from backend.store.mapping import annotation_row, attempt_row, journal_row, run_row
from backend.store.tables import AttemptRow, RunRow, SlotRow


def insert(session: Session, run: Run, journal: Iterable[JournalLine]) -> None:
    """Add a run with everything about it. Raises RunExists if its id is taken."""
    session.add(run_row(run))
    try:
        session.flush()  # the run before the rows that refer to it
    except IntegrityError as error:
        raise RunExists(run_id=run.id) from error
    session.add(annotation_row(run))
    session.add_all(attempt_row(run.id, attempt) for attempt in run.attempts)
    session.add_all(journal_row(run.id, line) for line in journal)
    if session.scalars(select(SlotRow.name).where(SlotRow.name.in_(run.slots))).first() is None:
        session.add_all(SlotRow(name=name, run_id=run.id) for name in run.slots)  # all, or it has to ask anew


def change_state(session: Session, transition: Transition) -> None:
    """Compare and set state and fence in one UPDATE; then the attempts and the journal."""
    if not may_become(transition.source, transition.target):
        raise _illegal(transition, "The table of states has no such arrow.")
    compared = [RunRow.fence == transition.fence, RunRow.state == transition.source.value]
    if transition.begin is not None:  # a wish of this very moment may have given the run's places to another one
        compared.append(RunRow.wish == Wish.RUN.value)
    if not update_run(session, transition.run_id, _values(transition), *compared):
        raise stale(session, transition.run_id, transition.fence, transition.source)
    latest = latest_attempt(session, transition.run_id)
    if latest is None and (transition.end or (transition.process and not transition.begin)):
        raise _illegal(transition, "It speaks of an attempt, but the run has none.")
    if transition.end is not None and latest is not None:
        _end(session, transition, latest, transition.end)
    if transition.begin is not None:
        latest = _begin(session, transition, latest, transition.begin)
    elif transition.process is not None and latest is not None:
        record_process(session, transition.run_id, latest, transition.process)
    keeps_slot = bool(session.execute(select(RunRow.keeps_slot).where(RunRow.id == transition.run_id)).scalar_one())
    if leaves_slots(transition.target, keeps_slot=keeps_slot):
        count_rows(session, delete(SlotRow).where(SlotRow.run_id == transition.run_id))
    line = JournalLine(transition.at, transition.source, transition.target, transition.reason, latest)
    session.add(journal_row(transition.run_id, line))


def update_run(session: Session, run_id: str, values: dict[str, object], *compared: ColumnElement[bool]) -> bool:
    """Change columns of a run if the comparisons hold; whether a row was changed."""
    statement = update(RunRow).where(RunRow.id == run_id, *compared).values(values)
    return count_rows(session, statement) == 1


def count_rows(session: Session, statement: Update | Delete) -> int:
    """Execute, and say how many rows it met."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount


def add_remark(session: Session, run_id: str, at: datetime, reason: str) -> None:
    """A journal line that changes no state."""
    state = RunState(session.execute(select(RunRow.state).where(RunRow.id == run_id)).scalar_one())
    line = JournalLine(at, state, state, reason, latest_attempt(session, run_id))
    session.add(journal_row(run_id, line))


def leave_slots_if_paused(session: Session, run_id: str) -> None:
    """A run that is paused already and is not to hold on to its slots gives them back."""
    row = session.get_one(RunRow, run_id, populate_existing=True)
    if (row.state, row.wish, row.keeps_slot) == (RunState.PAUSED, Wish.PAUSE, False):
        count_rows(session, delete(SlotRow).where(SlotRow.run_id == run_id))


def remark(
    session: Session, run_id: str, fence: int, at: datetime, reason: str, process: ProcessIdentity | None
) -> None:
    """A journal line by the supervisor that has the run, and which process its latest attempt is."""
    if not update_run(session, run_id, {"updated_at": at}, RunRow.fence == fence):
        raise stale(session, run_id, fence, None)
    latest = latest_attempt(session, run_id)
    if process is not None and latest is not None:
        record_process(session, run_id, latest, process)
    add_remark(session, run_id, at, reason)


def latest_attempt(session: Session, run_id: str) -> int | None:
    """The number of the newest attempt."""
    numbers = select(func.max(AttemptRow.number)).where(AttemptRow.run_id == run_id)
    return session.execute(numbers).scalar_one()


def record_process(session: Session, run_id: str, number: int, process: ProcessIdentity) -> None:
    """Which process an attempt is."""
    _update_attempt(
        session,
        run_id,
        number,
        {"pid": process.pid, "start_ticks": process.start_ticks, "boot_id": process.boot_id},
    )


def stale(session: Session, run_id: str, fence: int, source: RunState | None) -> RunNotFound | StaleTransition:
    """Why no row was changed: the run is gone, or it has moved on."""
    found = session.execute(select(RunRow.state, RunRow.fence).where(RunRow.id == run_id)).one_or_none()
    if found is None:
        return RunNotFound(run_id=run_id)
    state, newest = found
    expected = f"state {source or state} under fence {fence}"
    return StaleTransition(run_id=run_id, expected=expected, found=f"state {state} under fence {newest}")


def _values(transition: Transition) -> dict[str, object]:
    optional = {
        "failures": transition.failures,
        "error_id": transition.error_id,
        "wish": _wish(transition),
        "retries": transition.retries,
        "queued_at": transition.queued_at,
    }
    return {
        "state": transition.target.value,
        "message": transition.message,
        "updated_at": transition.at,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _wish(transition: Transition) -> object:
    """A supervisor that pauses the run by itself must not replace what a person said a moment ago."""
    if transition.wish is Wish.PAUSE:
        return case((RunRow.wish == Wish.RUN.value, Wish.PAUSE.value), else_=RunRow.wish)
    return None if transition.wish is None else transition.wish.value


def _end(session: Session, transition: Transition, number: int, end: AttemptEnd) -> None:
    values: dict[str, object] = {
        "ended_at": transition.at,
        "exit_code": end.exit_code,
        "last_step": end.last_step,
        "reason": end.reason,
    }
    _update_attempt(session, transition.run_id, number, values)


def _begin(session: Session, transition: Transition, latest: int | None, begin: AttemptStart) -> int:
    if begin.number <= (latest or 0):
        raise _illegal(transition, f"Attempt {begin.number} cannot follow attempt {latest or 0}.")
    attempt = Attempt(
        number=begin.number,
        token=begin.token,
        started_at=transition.at,
        process=transition.process,
        resumed_from_step=begin.resumed_from_step,
    )
    session.add(attempt_row(transition.run_id, attempt))
    return begin.number


def _update_attempt(session: Session, run_id: str, number: int, values: dict[str, object]) -> None:
    statement = update(AttemptRow).where(AttemptRow.run_id == run_id, AttemptRow.number == number)
    count_rows(session, statement.values(values))


def _illegal(transition: Transition, detail: str) -> IllegalTransition:
    return IllegalTransition(
        run_id=transition.run_id, source=transition.source, target=transition.target, detail=detail
    )
