"""Lines for the attempt's log."""

import sys


def say(text: str) -> None:
    """Write a line to standard output at once, so that a kill loses none."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
