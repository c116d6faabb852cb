"""A supervisor that waits for its run, with a trainer of its own that waits beside it and has imported everything.

Whoever serves the dashboard starts it (backend.services.spare) and holds the other end of its standard input: it
leaves when that is closed, and its trainer with it. The order is what a cold start of a supervisor would be told.
"""

import logging
import os
import secrets
import select
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.domain.devices import Devices
from backend.domain.places import visible_devices
from backend.domain.ports import Command, PlaceProbe, RunStore, WarmExecutor
from backend.domain.run import ProcessIdentity
from backend.executors.environment import LOCK_FD, TOKEN
from backend.executors.handover import Received, say_ready, wait_for_order, waiting_place
from backend.executors.process_table import environment as began_with
from backend.store.errors import StoreUnavailable
from backend.supervisor.rules import TrainerProgram, WaitingTrainer

LOCK_NAME = "spare-trainer.lock"
_POLL_SECONDS = 0.25
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Called:
    """A run to look after, by what it is told, and the trainer for its first attempt."""

    run_dir: Path
    trainer: WaitingTrainer


def likely_devices(places: PlaceProbe, store: RunStore) -> dict[str, str]:
    """What shows a trainer the GPU that the next run will probably have; a wrong guess costs a cold start."""
    gpus = [place.name for place in places.now().all if place.is_gpu]
    try:
        taken = store.slots()
    except StoreUnavailable:
        taken = {}
    return visible_devices(([gpu for gpu in gpus if gpu not in taken] or gpus)[:1], Devices())


def wait_for_run(
    executor: WarmExecutor, program: TrainerProgram, devices: dict[str, str], workspace: Path
) -> Called | None:
    """Block until there is a run; None if none will come. Raises CommandNotStarted.

    Replaces this process by a cold start if the order's environment is not the one that we began with.
    """
    place, token = waiting_place(), secrets.token_hex(16)
    command = Command(
        argv=program.waiting,
        cwd=workspace,
        log=workspace / "logs" / "spare.log",
        lock=workspace / LOCK_NAME,
        environment=program.environment | devices | {TOKEN: token},
    )
    process = _trainer(place, executor, command)
    if process is None:
        return None
    received = _wait(place, executor, process)
    if received is None:
        executor.let_go(process)
        return None
    received.take_up()
    environment = received.environment()
    if _imports_differ(environment):
        executor.let_go(process)
        os.execve(received.order.argv[0], received.order.argv, environment)  # noqa: S606 - what a cold start would be
    os.environ[LOCK_FD] = environment[LOCK_FD]
    return Called(Path(received.order.argv[-1]), WaitingTrainer(process, token))


def _trainer(place: socket.socket, executor: WarmExecutor, command: Command) -> ProcessIdentity | None:
    """Ours, as soon as the one before has become its run's; None when whoever might call us is gone."""
    while (process := executor.warm(command)) is None:
        if select.select([place], [], [], _POLL_SECONDS)[0]:
            break
    return process


def _wait(place: socket.socket, executor: WarmExecutor, trainer: ProcessIdentity) -> Received | None:
    """The order; we are ready when the trainer is, and of no use without it."""
    is_ready = False
    while not select.select([place], [], [], _LOOK_SECONDS if is_ready else _POLL_SECONDS)[0]:
        if ended := executor.wait(trainer, 0):
            _log.warning("the spare trainer is gone (exit code %s)", ended.code)
            return None
        if not is_ready and executor.is_ready(trainer):
            is_ready = True
            with suppress(OSError):
                say_ready(place)
    return wait_for_order(place)


def _imports_differ(environment: dict[str, str]) -> bool:
    ours = began_with(os.getpid())
    return {k: v for k, v in environment.items() if k != LOCK_FD} != {k: v for k, v in ours.items() if k != LOCK_FD}
