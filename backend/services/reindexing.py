"""Finding runs again from their folders after the store was lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.domain.ports import Clock, RunRecord, RunRecords, RunStore
from backend.domain.run import JournalLine
from backend.domain.run_directory import RUN_ID
from backend.errors import StorageError

_REASON = "Found again by its folder: the store did not know it."


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """`restored` are run ids; `skipped` are folder names, each with the reason in one sentence."""

    restored: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


class Reindexing:
    """Restores every run that has a folder but no row; what the store knows is never touched."""

    def __init__(self, store: RunStore, records: RunRecords, runs_folder: Path, clock: Clock) -> None:
        self._store = store
        self._records = records
        self._runs_folder = runs_folder
        self._clock = clock

    def run(self) -> ReindexReport:
        """Restore what can be restored. A folder that cannot be read stops none of the others."""
        known = {run.id for run in self._store.list()}
        restored: list[str] = []
        skipped: list[tuple[str, str]] = []
        for folder in self._folders():
            if folder.name in known:
                continue
            try:
                self._restore(folder)
                restored.append(folder.name)
            except _Unfit as error:
                skipped.append((folder.name, str(error)))
        return ReindexReport(tuple(restored), tuple(skipped))

    def _folders(self) -> Iterator[Path]:
        """Everything that may be meant as a run: no plain files, nothing hidden."""
        found = sorted(self._runs_folder.iterdir()) if self._runs_folder.is_dir() else []
        return (path for path in found if path.is_dir() and not path.name.startswith("."))

    def _restore(self, folder: Path) -> None:
        record = self._read(folder)
        line = JournalLine(self._clock.now(), record.run.state, record.run.state, _REASON)
        self._store.restore(record.run, (*record.journal, line))

    def _read(self, folder: Path) -> RunRecord:
        if folder.is_symlink():
            raise _Unfit("It is a link; a run's folder lies in the workspace itself.")
        if not RUN_ID.fullmatch(folder.name):
            raise _Unfit("Its name is no run id (lower-case letters, digits and hyphens, at most 64).")
        try:
            return self._records.read(folder)
        except StorageError as error:
            raise _Unfit(error.explain().sentence()) from error


class _Unfit(Exception):
    """Why a folder is skipped."""
