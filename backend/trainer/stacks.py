"""The stacks of all threads, for the log: the supervisor asks for them before it ends a silent trainer."""

import faulthandler
import signal

_STDERR = 2


def tell_stacks_on_request() -> None:
    """From now on SIGUSR1 writes them, whatever Python code is busy with; not on systems without the signal."""
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, file=_STDERR, all_threads=True)
