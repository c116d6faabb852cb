"""What the queue writes, inside the caller's transaction: places, waiting and resting runs, their order."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.domain.transition import Arrangement, Requeueing
from backend.store import changes
from backend.store.errors import RunNotFound
from backend.store.tables import SlotRow


def arrange(session: Session, arrangement: Arrangement, at: datetime) -> None:
    """Everything of it; the caller has made sure that nothing changed since it was thought out.

    A place that somebody has makes the database refuse the whole transaction, by its primary key.
    """
    for run_id in arrangement.leaving:
        changes.count_rows(session, delete(SlotRow).where(SlotRow.run_id == run_id))
        changes.add_remark(session, run_id, at, "gave its places back unused")
    for transition in arrangement.transitions:
        changes.change_state(session, transition)
    for run_id, names in arrangement.grants.items():
        session.add_all(SlotRow(name=name, run_id=run_id) for name in names)
        changes.add_remark(session, run_id, at, f"got {', '.join(names)}")
    for run_id, message in arrangement.messages.items():
        changes.update_run(session, run_id, {"message": message})


def requeue(session: Session, change: Requeueing, at: datetime) -> None:
    """Change where a run stands in the queue. Raises RunNotFound."""
    asked = {"priority": change.priority, "queued_at": change.queued_at, "after_run_id": change.after}
    values: dict[str, object] = {name: value for name, value in asked.items() if value is not None}
    if not changes.update_run(session, change.run_id, values):
        raise RunNotFound(run_id=change.run_id)
    if change.reason:
        changes.add_remark(session, change.run_id, at, change.reason)


def holders(session: Session) -> dict[str, str]:
    """The run that has each place."""
    return {slot.name: slot.run_id for slot in session.scalars(select(SlotRow))}
