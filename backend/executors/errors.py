"""What can go wrong between us and the operating system's processes."""

from backend.errors import ProcessError


class CommandNotStarted(ProcessError):
    """The operating system refused to start a program."""

    id = "command-not-started"
    what = "The program {program} could not be started."
    why = "The system said: {reason}."
    fix = "Check the program, its folder and its log file, and that memory and processes are left."
