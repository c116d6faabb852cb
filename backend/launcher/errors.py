"""What the launcher cannot do, and how to go on."""

from backend.errors import ConfigurationError, ProcessError, StorageError


class PortsTaken(ProcessError):
    """No free port in the range."""

    id = "ports-taken"
    what = "The dashboard could not be served."
    why = "The ports {first} to {last} are all taken."
    fix = "Give a free one: peft-studio ui --port N"


class AddressUnusable(ConfigurationError):
    """A host that is no address of this machine."""

    id = "address-unusable"
    what = "The dashboard could not be served on {host}."
    why = "The system says: {reason}."
    fix = "Set PEFT_STUDIO_HOST to an address of this machine, or remove it to use 127.0.0.1."


class DashboardFailed(ProcessError):
    """The server ended or hung more often than it is restarted; the reason has the end of its standard error."""

    id = "dashboard-failed"
    what = "The dashboard does not stay alive. Runs are not touched by that."
    why = "{reason}"
    fix = "Look into {log}, and start it again: peft-studio ui"


class WorkspaceUnusable(StorageError):
    """A workspace in which the launcher cannot keep its lock, log and status."""

    id = "workspace-unusable"
    what = "The workspace {folder} cannot be used."
    why = "The system says: {reason}."
    fix = "Give yourself the right to write there, or choose another one with --workspace."
