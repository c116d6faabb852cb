"""Programs that work on one store from outside: `python -m tests.process.store_programs NAME URL ...`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from backend.domain.run import ProcessIdentity
from backend.domain.states import RunState, Wish
from backend.domain.transition import AttemptStart
from backend.errors import StudioError
from backend.probes.clock import SystemClock
from backend.store.sql_store import SqlRunStore
from tests.fakes.runs import a_transition


def say(word: object) -> None:
    """One line for the test that started this program."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def claim(store: SqlRunStore, number: str, *_: str) -> None:
    """Take the run, and say under which fence."""
    say(store.claim("a-run", ProcessIdentity(int(number), 1, "boot")).fence)


def apply(store: SqlRunStore, number: str, *_: str) -> None:
    """Try the same transition as everybody else, and say how it went."""
    begin = AttemptStart(1, f"token-{number}", None)
    try:
        store.apply(a_transition(RunState.CREATED, RunState.STARTING, begin=begin))
    except StudioError as error:
        say(error.id)
    else:
        say("won")


def write(store: SqlRunStore, *_: str) -> None:
    """Write journal lines for ever, and acknowledge each one after its commit."""
    number = len(store.journal("a-run"))
    while True:
        store.set_wish("a-run", Wish.RUN, f"line {number}")
        say(number)
        number += 1


def first(store: SqlRunStore, *_: str) -> None:
    """Only open the store, which is the first time for all."""
    say(len(store.list()))


PROGRAMS: dict[str, Callable[..., None]] = {"claim": claim, "apply": apply, "write": write, "first": first}


def main(name: str, url: str, start: str, *arguments: str) -> None:
    """Wait for the start file, so that all begin at once; then run a program."""
    while start != "-" and not Path(start).exists():
        time.sleep(0.002)
    PROGRAMS[name](SqlRunStore(url, SystemClock()), *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
