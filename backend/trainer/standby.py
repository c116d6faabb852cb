"""A trainer that has imported everything and waits for its run.

Usage: python -m backend.trainer.standby [RUN_DIR], with a socket as standard input (backend.executors.handover). It
ends when the other end is closed. It touches no device and no file of the run before it gets the order; then it is
what a cold start would be, or starts cold itself if something that matters to importing has changed meanwhile.
Without RUN_DIR it waits for any run.
"""

import gc
import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_USAGE, StudioError
from backend.executors.environment import ATTEMPT, LOCK_FD, RUN_ID, TOKEN
from backend.executors.handover import Received, say_ready, wait_for_order, waiting_place
from backend.trainer.imports import USUAL, import_all, stack_of
from backend.trainer.order import (
    hide_bitsandbytes,
    needs_bitsandbytes,
    read_order,
    settle_allocator,
    settle_environment,
)
from backend.trainer.stacks import tell_stacks_on_request

_NICENESS = 10
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_KILL_FIRST = "1000"
_OWN = (ATTEMPT, TOKEN, RUN_ID, LOCK_FD)  # nothing that is imported reads them


@dataclass(frozen=True, slots=True)
class Outset:
    """All that importing depends on: two starts with equal ones import the same in the same way.

    `with_bitsandbytes`: it may be imported, and not only by a run that needs it.
    """

    environ: dict[str, str]
    with_bitsandbytes: bool

    @classmethod
    def of(cls, environ: Mapping[str, str], config: RunConfig, root: Path) -> "Outset":
        """What a trainer that is started so begins with."""
        settled = {name: value for name, value in environ.items() if name not in _OWN}
        settle_environment(settled, config.devices.processes)
        settle_allocator(settled, config)
        return cls(settled, needs_bitsandbytes(config, root))

    @classmethod
    def of_any(cls, environ: Mapping[str, str]) -> "Outset":
        """For a run in one process that nobody knows yet."""
        settled = {name: value for name, value in environ.items() if name not in _OWN}
        settle_environment(settled)
        return cls(settled, with_bitsandbytes=True)

    def serves(self, other: "Outset") -> bool:
        """Whether what was imported so is right for one that begins otherwise: bitsandbytes too much does no harm."""
        return self.environ == other.environ and (self.with_bitsandbytes or not other.with_bitsandbytes)


def main(argv: Sequence[str]) -> int:
    """Wait; then train, and give the trainer's exit code."""
    tell_stacks_on_request()
    place = waiting_place()
    if not argv:
        outset = Outset.of_any(os.environ)
        settle_environment(os.environ)
        return _wait(place, outset, USUAL)
    run = RunDirectory(Path(argv[0]).resolve())
    try:
        config = read_order(run)
    except StudioError as error:
        return error.exit_code
    if config.devices.processes > 1:  # each of them is started anew, by accelerate
        return EXIT_USAGE
    outset, names = Outset.of(os.environ, config, run.root), stack_of(config, run.imports)
    settle_environment(os.environ)
    settle_allocator(os.environ, config)
    hide_bitsandbytes(config, run.root, sys.modules)  # type: ignore[arg-type] # typeshed has no None
    return _wait(place, outset, names)


def _wait(place: socket.socket, outset: Outset, names: tuple[str, ...]) -> int:
    """Import, wait, and become the trainer of the run that the order names."""
    own_score = _be_killed_first()
    importing = _begin_to_import(names, lambda: say_ready(place))
    received = wait_for_order(place)
    if received is None:
        os._exit(0)  # whoever might give an order is gone, and importing may be in full swing
    importing.join()
    _restore(own_score)
    return _take_up(received, outset)


def _begin_to_import(names: tuple[str, ...], done: Callable[[], None]) -> threading.Thread:
    """Import in a thread, whose low priority ends with it; nobody but root could raise that of a process again."""

    def work() -> None:
        if sys.platform == "linux":  # elsewhere it would be the whole process
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        import_all(names)
        gc.collect()
        gc.freeze()  # modules live for good: collections need not look at them
        with suppress(OSError):
            done()

    thread = threading.Thread(target=work, name="importing", daemon=True)
    thread.start()
    return thread


def _take_up(received: Received, outset: Outset) -> int:
    received.take_up()
    environment, argv = received.environment(), received.order.argv
    run = RunDirectory(Path(argv[-1]).resolve())
    if not _is_still(outset, environment, run):
        os.execve(argv[0], argv, environment)  # noqa: S606 - the command that the supervisor would have started
    os.environ.update({name: environment[name] for name in _OWN if name in environment})
    sys.argv = list(argv)
    from backend.trainer.__main__ import main as train  # noqa: PLC0415 - as late as in a cold start

    return train([str(run.root)])


def _is_still(outset: Outset, environment: Mapping[str, str], run: RunDirectory) -> bool:
    """Whether a cold start would import now what was imported."""
    try:
        config = read_order(run)
        return config.devices.processes == 1 and outset.serves(Outset.of(environment, config, run.root))
    except StudioError:
        return False


def _be_killed_first() -> str | None:
    """When memory runs out, the kernel shall take us and not the trainer; what the score was before."""
    try:
        before = _OOM_SCORE.read_text().strip()
        _OOM_SCORE.write_text(_KILL_FIRST)
    except OSError:
        return None
    return before


def _restore(score: str | None) -> None:
    if score is not None:
        with suppress(OSError):
            _OOM_SCORE.write_text(score)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
