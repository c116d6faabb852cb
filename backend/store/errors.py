"""What can go wrong with the store, each with a way out."""

import errno

from backend.errors import Action, ConfigurationError, NotFoundError, StorageError, StudioError, UsageError


class RunNotFound(NotFoundError):
    """No run of that id. Data: `run_id`."""

    id = "run-not-found"
    action = Action.OPEN_RUNS
    what = "There is no run {run_id}."
    why = "The store does not know it: it was deleted, or its folder was never indexed."
    fix = "Look at the list of runs; if its folder lies in the workspace, run `peft-studio reindex`."


class ResultNotKept(StorageError):
    """The former result of an extended run could not be put beside. Data: `run_dir`, `reason`."""

    id = "result-not-kept"
    what = "The run could not be extended."
    why = "Its former result in {run_dir} could not be put beside: {reason}."
    fix = "See that the folder may be written, and resume the run."


class RunExists(UsageError):
    """The id of a new run is taken. Data: `run_id`."""

    id = "run-exists"
    what = "A run {run_id} exists already."
    why = "Ids are unique, and a run is never overwritten."
    fix = "Start it again: the next id differs."


class StaleTransition(StorageError):
    """A supervisor wrote after losing its run. Data: `run_id`, `expected`, `found`."""

    id = "stale-transition"
    what = "The change of run {run_id} was not made."
    why = "It was meant for {expected}, but the run has moved on to {found}."
    fix = "Nothing is lost: the supervisor that owns the run now goes on with it."


class IllegalTransition(StudioError):
    """A change that the table of states does not have. Data: `run_id`, `source`, `target`, `detail`."""

    id = "illegal-transition"
    what = "Run {run_id} cannot go from {source} to {target}."
    why = "{detail}"
    fix = "This is a mistake in the program: report it with the id and the supervisor's log."


class StoreUrlInvalid(ConfigurationError):
    """A store URL that cannot work. Data: `detail`."""

    id = "store-url-invalid"
    what = "The store's URL cannot be used."
    why = "{detail}"
    fix = (
        "Set PEFT_STUDIO_STORE_URL to an SQLAlchemy URL such as sqlite:////home/me/studio.db, "
        "or remove it to use SQLite in the workspace."
    )


class StoreUnavailable(StorageError):
    """The database does not answer as it should. Data: `url` (without password), `detail`."""

    id = "store-unavailable"
    action = Action.TRY_AGAIN
    what = "The store {url} cannot be used."
    why = "{detail}"
    fix = "Check that its folder exists and may be written, or that the database server runs; then try again."


class StoreBusy(StoreUnavailable):
    """Another process held the database too long."""

    id = "store-busy"
    why = "Another process has held it locked for too long ({detail})."
    fix = "End the program that holds it (a database browser, a backup), then try again."


class StoreReadOnly(StoreUnavailable):
    """The database file may not be written."""

    id = "store-read-only"
    why = "It may not be written ({detail})."
    fix = "Give yourself the right to write the file and its folder, or choose another workspace."


class StoreFull(StoreUnavailable):
    """No room for the database."""

    id = "store-full"
    why = "The disk that holds it is full ({detail}); nothing of this change was written."
    fix = "Make room on the disk, then try again."


class StoreDamaged(StoreUnavailable):
    """The file is not a database any more."""

    id = "store-damaged"
    why = "The file is damaged or is no database ({detail})."
    fix = "Move the file away and run `peft-studio reindex`: every run is found again from its folder."


class StoreFromNewerVersion(StoreUnavailable):
    """The schema is unknown here; the database was left untouched. Data: also `found`."""

    id = "store-newer"
    why = "A newer version of PEFT Studio made it (schema {found}); it was left untouched."
    fix = "Use that version, or choose another workspace."


class StoreForeign(StoreUnavailable):
    """The database belongs to another program; it was left untouched."""

    id = "store-foreign"
    why = "It holds tables of another program ({detail}); it was left untouched."
    fix = "Name an empty or new database in PEFT_STUDIO_STORE_URL."


class RunFolderNotMade(StorageError):
    """The folder of a new run could not be written. Data: `run_dir`, `reason`."""

    id = "run-folder-not-made"
    what = "The folder {run_dir} of the new run could not be made."
    why = "The system said: {reason}. Nothing was left behind."
    fix = "Make room on the disk, or give yourself the right to write there; then start the run again."


class RecordUnreadable(StorageError):
    """A run directory that cannot be indexed. Data: `folder`, `detail`."""

    id = "record-unreadable"
    what = "The folder {folder} cannot be indexed as a run."
    why = "{detail}"
    fix = "Repair or move the folder; the other runs are not affected."


_SQLITE_ERRORS: dict[str, type[StoreUnavailable]] = {
    "SQLITE_BUSY": StoreBusy,
    "SQLITE_LOCKED": StoreBusy,
    "SQLITE_READONLY": StoreReadOnly,
    "SQLITE_PERM": StoreReadOnly,
    "SQLITE_FULL": StoreFull,
    "SQLITE_IOERR_SHMSIZE": StoreFull,  # no room for the 32 kB that those who have it open share
    "SQLITE_CORRUPT": StoreDamaged,
    "SQLITE_NOTADB": StoreDamaged,
}
_SYSTEM_ERRORS: dict[int | None, type[StoreUnavailable]] = {
    errno.EACCES: StoreReadOnly,
    errno.EROFS: StoreReadOnly,
    errno.ENOSPC: StoreFull,
    errno.EDQUOT: StoreFull,
}


def explained(cause: object, url: str) -> StoreUnavailable:
    """The error that says what a driver's or the system's exception means; `url` has no password."""
    return _family(cause)(url=url, detail=str(cause) or type(cause).__name__)


def _family(cause: object) -> type[StoreUnavailable]:
    if isinstance(cause, TimeoutError):
        return StoreBusy
    if isinstance(cause, OSError):
        return _SYSTEM_ERRORS.get(cause.errno, StoreUnavailable)
    name = str(getattr(cause, "sqlite_errorname", ""))
    primary = "_".join(name.split("_")[:2])
    return _SQLITE_ERRORS.get(name) or _SQLITE_ERRORS.get(primary, StoreUnavailable)


class CheckpointMissing(NotFoundError):
    """A step that has no sealed checkpoint. Data: `step`, `run_id`, `steps`."""

    id = "checkpoint-missing"
    action = Action.OPEN_RUN
    what = "The run {run_id} has no checkpoint of step {step}."
    why = "Its checkpoints are of these steps: {steps}; older ones are deleted (training.keep_checkpoints)."
    fix = "Choose one of these steps, or keep more checkpoints."


class CheckpointDamaged(StorageError):
    """A checkpoint with other bytes than were sealed. Data: `step`, `run_id`, `reason`."""

    id = "checkpoint-damaged"
    action = Action.OPEN_RUN
    what = "The checkpoint of step {step} of the run {run_id} cannot be used."
    why = "It is damaged: {reason}."
    fix = "Choose another step, or restore the checkpoint from a copy."


class CheckpointNotTaken(StorageError):
    """A checkpoint that could not be brought into another run's folder. Data: `step`, `run_id`, `reason`."""

    id = "checkpoint-not-taken"
    what = "The checkpoint of step {step} of the run {run_id} was not taken over."
    why = "It could not be read or written: {reason}."
    fix = "Try again if the run has just deleted it for a newer one; otherwise look at the disk's free space."


class OrdersNotWritten(StorageError):
    """Changed orders of a run that could not be read or written. Data: `path`, `reason`."""

    id = "orders-not-written"
    what = "The run's orders were not changed."
    why = "{path} cannot be read or written: {reason}."
    fix = "Look whether that file is damaged, its folder may be written, and the disk has room."
