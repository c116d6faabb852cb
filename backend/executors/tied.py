"""Runs a module as a program that ends with whoever holds the other end of its standard input.

Usage: python -m backend.executors.tied MODULE [ARGUMENTS...], with a socket or pipe as standard input. The kernel
closes the other end with the process that holds it, whatever killed that one. Unlike a parent's death signal, this
does not depend on the thread that started us.
"""

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Sequence

GRACE_SECONDS = 3.0


def main(arguments: Sequence[str]) -> None:
    """Become the module's program."""
    threading.Thread(target=_leave_with, args=(os.dup(0),), name="tied", daemon=True).start()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _leave_with(holder: int) -> None:
    """When the other end is closed: ask ourselves to end, and then insist, with all that is in our session."""
    try:
        while os.read(holder, 1):
            pass
    except OSError:
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
