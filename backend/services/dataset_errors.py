"""What can go wrong with the datasets of the workspace."""

from backend.errors import Action, NotFoundError, StorageError, UsageError


class DatasetNotListed(NotFoundError):
    """A dataset that nobody uploaded or registered."""

    id = "dataset-not-listed"
    action = Action.OPEN_DATASETS
    what = "The dataset {path} is not in the list."
    why = "{reason}."
    fix = "Register its file or folder on the Datasets page first, or upload it."


class DatasetRefused(UsageError):
    """A path that is not registered."""

    id = "dataset-not-registered"
    what = "{path} was not registered."
    why = "{reason}."
    fix = "Give an existing file or folder with datasets that you may read, or hub:ORG/NAME."


class DatasetNotLoaded(NotFoundError):
    """A dataset whose rows were not read yet."""

    id = "dataset-not-loaded"
    action = Action.OPEN_DATASETS
    what = "The rows of {path} are not here yet."
    why = "They have not been read since the dataset last changed."
    fix = "Open the dataset on the Datasets page, and have its rows read."


class DatasetNotMade(StorageError):
    """A new dataset that could not be written."""

    id = "dataset-not-made"
    what = "The dataset {name} was not written."
    why = "{reason}."
    fix = "Make room on the disk, or change the choice; nothing half-written was left behind."
