"""What keeps a supervisor from its work."""

from backend.errors import EXIT_CHECKPOINTED, ConfigurationError, NotFoundError, ProcessError, UsageError


class RunFileMissing(ConfigurationError):
    """A run without its order. Data: `path`."""

    id = "run-file-missing"
    what = "The run cannot start, because {path} is missing."
    why = "It was deleted or moved after the run was made."
    fix = "Put it back from a copy, or make a new run with the same choices."


class SupervisorBusy(ProcessError):
    """Another supervisor has the run. Data: `run_dir`."""

    id = "supervisor-busy"
    what = "The run in {run_dir} has a supervisor already."
    why = "One run has one supervisor, and the other one holds the lock."
    fix = "Nothing is to be done: the other one looks after the run."
    exit_code = EXIT_CHECKPOINTED


class RunDirMissing(NotFoundError):
    """A folder that does not exist. Data: `run_dir`."""

    id = "run-dir-missing"
    what = "There is no folder {run_dir}."
    why = "A supervisor looks after an existing run, named by its folder."
    fix = "Look at the list of runs; a deleted run's folder lies in the workspace's trash."


class RunDirMismatch(UsageError):
    """The folder is not the one that the store knows. Data: `run_dir`, `known`."""

    id = "run-dir-mismatch"
    what = "{run_dir} is not the folder of this run."
    why = "The store knows the run in {known}."
    fix = "Call the supervisor with that folder, or run `peft-studio reindex` if you moved it."
