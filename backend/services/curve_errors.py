"""What can be wrong with a source of curves."""

from backend.errors import NotFoundError, UsageError


class CurveSourceNotFound(NotFoundError):
    """A source that cannot be, or is not there."""

    id = "curve-source-not-found"
    what = "There are no curves {source}."
    why = "{reason}."
    fix = "Name a run as run:ID, or one of a registered log directory as dir:KEY/PATH; the Curves page lists both."


class LogDirectoryNotFound(NotFoundError):
    """A key that no log directory has."""

    id = "log-directory-not-found"
    what = "There is no log directory {key}."
    why = "It was removed, or never added on this workspace."
    fix = "Add its folder on the Curves page."


class LogDirectoryRefused(UsageError):
    """A folder that is not taken as a log directory."""

    id = "log-directory-refused"
    what = "The folder {path} was not added."
    why = "{reason}."
    fix = "Give an existing folder that holds event files, in it or below, and that you may read."


class CurveNotFound(NotFoundError):
    """A tag that a source has not written."""

    id = "curve-not-found"
    what = "{source} has no curve {tag}."
    why = "Its event files hold: {tags}."
    fix = "Name one of these, or wait until it has been written."
