"""What can go wrong with an export, in the program that writes it and around it."""

from backend.errors import (
    Action,
    ConfigurationError,
    NotFoundError,
    StorageError,
    UsageError,
)


class ExportRefused(ConfigurationError):
    """A result that cannot be exported in this way."""

    id = "export-refused"
    what = "The run {run_id} cannot be exported as {exporter}."
    why = "{why}"
    fix = "Choose another kind of export; the adapter as a zip works for every adapter."


class ExportNameTaken(UsageError):
    """An export that would be overwritten, or a name that no folder can have."""

    id = "export-name-taken"
    what = "The export cannot be called {name}."
    why = "{why}."
    fix = "Choose another name (lower-case letters, digits, dots, hyphens), or delete the old export first."


class ExportNotFound(NotFoundError):
    """An export that is not there (any more)."""

    id = "export-not-found"
    what = "The run {run_id} has no export {name}."
    why = "There is no such folder in {folder}."
    fix = "Look at the list of exports again."


class ExporterUnknown(NotFoundError):
    """A kind of export that nobody knows."""

    id = "exporter-unknown"
    what = "There is no export called {name}."
    why = "Known are: {known}."
    fix = "Take one of these with --as."


class ExportNoRoom(StorageError):
    """Not enough room on the disk for an export."""

    id = "export-no-room"
    action = Action.OPEN_MACHINE
    what = "The disk has no room for the export."
    why = "It takes about {needed} and {free} are free in {folder}. Nothing was written."
    fix = "Make room on the disk (the trash, old exports and checkpoints are on the Machine page), then export again."


class ExportBusy(UsageError):
    """Two exports of one run at a time."""

    id = "export-busy"
    what = "Another program is exporting this run."
    why = "It holds {lock}."
    fix = "Wait until it is done, then export again."


class ExportDiffers(StorageError):
    """What was written does not answer as base and adapter do."""

    id = "export-differs"
    what = "The export was taken back: it is not what was trained."
    why = "{why}"
    fix = "Choose another number format, or export the adapter. If it repeats, report it with this text."


class ExportUnsafe(StorageError):
    """Something in the files belongs to this machine only."""

    id = "export-unsafe"
    what = "The export was taken back: {file} holds {found}."
    why = "What is handed on must not tell of this machine, and must not carry keys."
    fix = "Correct the file in the run's folder, then export again."
