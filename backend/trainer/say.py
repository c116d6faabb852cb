"""Lines for the attempt's log."""

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Write a line to standard output at once, so that a kill loses none.

    A disk that takes no line does not decide how the attempt ends: what cannot do without the disk says so.
    """
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
