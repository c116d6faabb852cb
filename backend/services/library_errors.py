"""What the library of models, adapters and checkpoints refuses, and how to go on."""

from backend.errors import Action, NotFoundError, StorageError, UsageError


class ModelNotOnShelf(NotFoundError):
    """A model that is not on this machine."""

    id = "model-not-on-shelf"
    action = Action.OPEN_MODELS
    what = "The model {model} is not on this machine."
    why = "It was deleted meanwhile, or its folder is not registered any more."
    fix = "Look at the list of models again."


class ModelFolderRefused(UsageError):
    """A folder that is not looked through."""

    id = "model-folder-refused"
    what = "The folder {path} was not registered."
    why = "{reason}."
    fix = "Give a folder that exists, with models or adapters in it or below it."


class ModelKept(UsageError):
    """A model that is not deleted."""

    id = "model-kept"
    action = Action.OPEN_MODELS
    what = "The model {model} was not deleted."
    why = "{reason}"
    fix = "Wait until the runs that need it are over, or stop them first; a registered folder is yours to delete."


class NotDeleted(StorageError):
    """A folder that could not be moved or erased."""

    id = "not-deleted"
    what = "{path} was not deleted, or not all of it."
    why = "The disk refused: {reason}."
    fix = "See that the folder may be written and nothing else uses it, then try again."


class CheckpointKept(UsageError):
    """A checkpoint that is not deleted."""

    id = "checkpoint-kept"
    action = Action.OPEN_MODELS
    what = "The checkpoint of step {step} of the run {run_id} was not deleted."
    why = "{reason}"
    fix = "Delete it when the run is at rest and has another whole checkpoint, or delete the run."
