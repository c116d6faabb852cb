"""A trainer that has imported everything and waits for its run.

Usage: python -m backend.trainer.standby RUN_DIR, with a socket as standard input (backend.executors.handover). It
ends when the other end is closed. It touches no device and no file of the run before it gets the order; then it is
what a cold start would be, or starts cold itself if something that matters to importing has changed meanwhile.
"""

import gc
import os
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
from backend.trainer.imports import import_all, stack_of
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
    """All that importing depends on: two starts with equal ones import the same in the same way."""

    environ: dict[str, str]
    with_bitsandbytes: bool

    @classmethod
    def of(cls, environ: Mapping[str, str], config: RunConfig, root: Path) -> "Outset":
        """What a trainer that is started so begins with."""
        settled = {name: value for name, value in environ.items() if name not in _OWN}
        settle_environment(settled, config.devices.processes)
        settle_allocator(settled, config)
        return cls(settled, needs_bitsandbytes(config, root))


def main(argv: Sequence[str]) -> int:
    """Wait; then train, and give the trainer's exit code."""
    tell_stacks_on_request()
    run, place = RunDirectory(Path(argv[0]).resolve()), waiting_place()
    try:
        config = read_order(run)
    except StudioError as error:
        return error.exit_code
    if config.devices.processes > 1:  # each of them is started anew, by accelerate
        return EXIT_USAGE
    outset = Outset.of(os.environ, config, run.root)
    own_score = _be_killed_first()
    importing = _begin_to_import(config, run, lambda: say_ready(place))
    received = wait_for_order(place)
    if received is None:
        os._exit(0)  # whoever might give an order is gone, and importing may be in full swing
    importing.join()
    _restore(own_score)
    return _take_up(received, outset, run)


def _begin_to_import(config: RunConfig, run: RunDirectory, done: Callable[[], None]) -> threading.Thread:
    """Import in a thread, whose low priority ends with it; nobody but root could raise that of a process again."""
    names = stack_of(config, run.imports)
    settle_environment(os.environ, config.devices.processes)
    settle_allocator(os.environ, config)
    hide_bitsandbytes(config, run.root, sys.modules)  # type: ignore[arg-type] # typeshed has no None

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


def _take_up(received: Received, outset: Outset, run: RunDirectory) -> int:
    received.take_up()
    environment, argv = received.environment(), received.order.argv
    if not _is_still(outset, environment, run):
        os.execve(argv[0], argv, environment)  # noqa: S606 - the command that the supervisor would have started
    os.environ.update({name: environment[name] for name in _OWN if name in environment})
    sys.argv = list(argv)
    from backend.trainer.__main__ import main as train  # noqa: PLC0415 - as late as in a cold start

    return train([str(run.root)])


def _is_still(outset: Outset, environment: Mapping[str, str], run: RunDirectory) -> bool:
    """Whether a cold start would import now what was imported."""
    try:
        return Outset.of(environment, read_order(run), run.root) == outset
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
