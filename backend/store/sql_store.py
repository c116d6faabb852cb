"""The RunStore on SQLAlchemy: SQLite in the workspace, or any database by URL."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.domain.ports import Clock, KeptText, RunRecord
from backend.domain.run import JournalLine, ProcessIdentity, Run
from backend.domain.states import Wish
from backend.domain.transition import Arrangement, Requeueing, Transition
from backend.store import changes, queries, queueing
from backend.store.engine import Database
from backend.store.errors import RunNotFound
from backend.store.mirror import mirror
from backend.store.tables import AnnotationRow, DraftRow, RunRow

_MOST_LOOKED_AT = 100


class SqlRunStore:
    """See the port. Opening migrates; each committed change of a run is mirrored to its record.json.

    Raises StoreUnavailable or one of its kinds wherever the database fails.
    """

    def __init__(self, url: str, clock: Clock, *, busy_seconds: float = 30.0) -> None:
        self._clock = clock
        self._database = Database(url, busy_seconds)
        self._listed: tuple[int, Sequence[Run]] | None = None
        self._looked_at: dict[str, tuple[int, Run]] = {}  # pages look at one run again and again

    def create(self, run: Run) -> None:
        """Add a run. Raises RunExists if its id is taken."""
        with self._database.write() as session:
            changes.insert(session, run, ())
        self._mirrored(run)

    def get(self, run_id: str) -> Run:
        """One run with its attempts. Raises RunNotFound."""
        version = self._database.revision()
        known = self._looked_at.get(run_id)
        if known is not None and known[0] == version:
            return known[1]
        with self._database.read() as session:
            run = queries.find_run(session, run_id)
        if len(self._looked_at) >= _MOST_LOOKED_AT:
            self._looked_at.clear()
        self._looked_at[run_id] = (version, run)  # it may be newer than the number, as in `list`
        return run

    def version(self) -> int:
        """A number that changes whenever anything about any run changed, whoever wrote it."""
        return self._database.revision()

    def journal(self, run_id: str) -> Sequence[JournalLine]:
        """What happened to a run, oldest first. Raises RunNotFound."""
        with self._database.read() as session:
            return queries.find_journal(session, run_id)

    def set_wish(self, run_id: str, wish: Wish, reason: str, *, keeps_slot: bool = False) -> Run:
        """Record what a person asked for, with a journal line, and whether a paused run holds on to its slots."""
        now = self._clock.now()
        with self._database.write() as session:
            _update_existing(session, run_id, {"wish": wish.value, "keeps_slot": keeps_slot, "updated_at": now})
            changes.add_remark(session, run_id, now, reason)
            changes.leave_slots_if_paused(session, run_id)
            run = queries.find_run(session, run_id)
        return self._mirrored(run)

    def claim(self, run_id: str, supervisor: ProcessIdentity) -> Run:
        """Make this supervisor the run's one writer: fence + 1. Older fences can no longer write."""
        values = {
            "fence": RunRow.fence + 1,
            "supervisor_pid": supervisor.pid,
            "supervisor_start_ticks": supervisor.start_ticks,
            "supervisor_boot_id": supervisor.boot_id,
            "updated_at": self._clock.now(),
        }
        with self._database.write() as session:
            _update_existing(session, run_id, values)
            run = queries.find_run(session, run_id)
        return self._mirrored(run)

    def apply(self, transition: Transition) -> Run:
        """Compare-and-set of state, attempt and journal. Raises StaleTransition or IllegalTransition."""
        with self._database.write() as session:
            changes.change_state(session, transition)
            run = queries.find_run(session, transition.run_id)
        return self._mirrored(run)

    def remark(self, run_id: str, fence: int, reason: str, process: ProcessIdentity | None = None) -> Run:
        """Add a journal line without changing the state. Raises StaleTransition for an older fence."""
        with self._database.write() as session:
            changes.remark(session, run_id, fence, self._clock.now(), reason, process)
            run = queries.find_run(session, run_id)
        return self._mirrored(run)

    def annotate(
        self,
        run_id: str,
        *,
        name: str | None = None,
        notes: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> Run:
        """Change what a person wrote about a run; None leaves a part as it is."""
        with self._database.write() as session:
            _update_existing(session, run_id, {"updated_at": self._clock.now()})
            row = session.get_one(AnnotationRow, run_id)
            row.name = row.name if name is None else name
            row.notes = row.notes if notes is None else notes
            row.tags = row.tags if tags is None else list(tags)
            run = queries.find_run(session, run_id)
        return self._mirrored(run)

    def delete(self, run_id: str) -> None:
        """Forget a run with everything about it; its folder is the caller's. Raises RunNotFound."""
        with self._database.write() as session:
            if not _delete(session, run_id):
                raise RunNotFound(run_id=run_id)

    def restore(self, run: Run, journal: Sequence[JournalLine]) -> None:
        """Insert or replace a run with attempts and journal, as read from a run directory."""
        with self._database.write() as session:
            _delete(session, run.id)
            changes.insert(session, run, journal)
        self._mirrored(run)

    def slots(self) -> Mapping[str, str]:
        """The run that has each place on a device."""
        with self._database.read() as session:
            return queueing.holders(session)

    def arrange(self, version: int, arrangement: Arrangement) -> bool:
        """All of an arrangement, in one transaction; False, and nothing, if runs have changed since `version`."""
        with self._database.write_at(version) as session:
            if session is None:
                return False
            queueing.arrange(session, arrangement, self._clock.now())
            runs = [queries.find_run(session, run_id) for run_id in arrangement.run_ids]
        for run in runs:
            self._mirrored(run)
        return True

    def requeue(self, requeueings: Sequence[Requeueing]) -> None:
        """Change the places of runs in the queue, all in one transaction. Raises RunNotFound."""
        with self._database.write() as session:
            for change in requeueings:
                queueing.requeue(session, change, self._clock.now())
            runs = [queries.find_run(session, change.run_id) for change in requeueings]
        for run in runs:
            self._mirrored(run)

    def save_draft(self, key: str, text: str) -> None:
        """Keep a JSON text under a key until it is replaced; not a change of a run."""
        with self._database.write(is_change_of_runs=False) as session:
            session.merge(DraftRow(key=key, text=text, saved_at=self._clock.now()))

    def load_draft(self, key: str) -> str | None:
        """The text kept under a key, or None."""
        with self._database.read() as session:
            row = session.get(DraftRow, key)
            return None if row is None else row.text

    def list_drafts(self, prefix: str) -> Sequence[KeptText]:
        """All texts whose keys begin with a prefix, the newest first."""
        with self._database.read() as session:
            found = session.execute(
                select(DraftRow.key, DraftRow.text, DraftRow.saved_at)  # columns: no objects to keep track of
                .where(DraftRow.key.startswith(prefix, autoescape=True))
                .order_by(DraftRow.saved_at.desc())
            )
            return [KeptText(key, text, saved_at) for key, text, saved_at in found]

    def delete_draft(self, key: str) -> None:
        """Forget the text of a key; nothing happens if there is none."""
        with self._database.write(is_change_of_runs=False) as session:
            session.execute(delete(DraftRow).where(DraftRow.key == key))

    def close(self) -> None:
        """Release every connection."""
        self._database.close()

    def list(self) -> Sequence[Run]:
        """All runs, newest first, with their attempts: three queries, or none if nothing has changed."""
        version = self._database.revision()
        if self._listed is not None and self._listed[0] == version:
            return self._listed[1]
        with self._database.read() as session:
            runs = queries.all_runs(session)
        self._listed = (version, runs)  # the runs may be newer than the number: then they are read once more
        return runs

    def unsettled(self) -> Sequence[Run]:
        """Only the runs with `needs_supervisor`, without reading the others."""
        with self._database.read() as session:
            return queries.unsettled_runs(session)

    def _mirrored(self, run: Run) -> Run:
        mirror(run.run_dir, lambda: self._record(run.id))
        return run

    def _record(self, run_id: str) -> RunRecord:
        with self._database.read() as session:
            return RunRecord(queries.find_run(session, run_id), tuple(queries.find_journal(session, run_id)))


def _update_existing(session: Session, run_id: str, values: dict[str, object]) -> None:
    if not changes.update_run(session, run_id, values):
        raise RunNotFound(run_id=run_id)


def _delete(session: Session, run_id: str) -> bool:
    return changes.count_rows(session, delete(RunRow).where(RunRow.id == run_id)) == 1
