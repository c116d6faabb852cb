"""The supervisor as a program: assembles one Supervisor for one run directory, and lets it run."""

import logging
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from backend.domain.decisions import Policy
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_CHECKPOINTED, EXIT_USAGE, StudioError
from backend.executors import lock_file
from backend.executors.choice import executor_named
from backend.executors.environment import SAFE_PATH
from backend.executors.local import LocalExecutor
from backend.executors.process_table import identify
from backend.plugins.registry import SWITCHED_OFF, Registry, use_registry
from backend.probes.clock import SystemClock
from backend.probes.machine import LocalMachine
from backend.probes.memory import available_bytes
from backend.probes.oom import oom_kills
from backend.probes.places import LocalPlaces
from backend.services.after_reboot import AfterReboot
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.store.errors import StaleTransition
from backend.store.run_files import LocalRunFiles
from backend.store.sql_store import SqlRunStore
from backend.supervisor.errors import RunDirMismatch, RunDirMissing, SupervisorBusy
from backend.supervisor.leave import Leave, Left
from backend.supervisor.rules import HangLimits, Rules, StandbyRule, TrainerProgram
from backend.supervisor.spare import Called, likely_devices, wait_for_run
from backend.supervisor.supervisor import Supervisor
from config.settings import Settings

SUPERVISOR = (sys.executable, "-m", "backend.supervisor")
TRAINER = (sys.executable, "-m", "backend.trainer")
STANDBY = (sys.executable, "-m", "backend.trainer.standby")
SPARE = "--spare"
_log = logging.getLogger("supervisor")


def main(
    arguments: Sequence[str],
    trainer: tuple[str, ...] = TRAINER,
    supervisor: tuple[str, ...] = SUPERVISOR,
    standby: tuple[str, ...] = STANDBY,
) -> int:
    """Look after the run in RUN_DIR until it is over, then see to the other runs. With --spare, wait for a run first.

    Ends with 0 when the run is over or when told to leave, 75 if another supervisor has the run, else with
    the exit code of the error. `trainer`, `supervisor` and `standby` are the command lines of what it starts.
    """
    _log_to_stderr()
    if len(arguments) != 1:
        _log.error("usage: python -m backend.supervisor RUN_DIR | --spare")
        return EXIT_USAGE
    try:
        settings = Settings()
        use_registry(Registry(settings.plugins_off))
        executor = executor_named(settings.executor, adopts_orphans=True)
        program, run_dir = trainer_program(settings, trainer, standby), Path(arguments[0]).absolute()
        if arguments[0] == SPARE:
            called = _called(settings, executor, program)
            if called is None:
                return 0
            program, run_dir = replace(program, spare=called.trainer), called.run_dir
        return _supervise(run_dir, settings, executor, program, supervisor)
    except Left:
        _log.info("told to leave; the trainer goes on")
        return 0
    except StaleTransition as error:
        _log.warning("another supervisor has taken the run: %s", error)
        return EXIT_CHECKPOINTED
    except StudioError as error:
        _log.error("%s", error.explain().sentence())
        return error.exit_code


def _called(settings: Settings, executor: LocalExecutor, program: TrainerProgram) -> Called | None:
    """Wait for a run, with as much done ahead as can be."""
    store = SqlRunStore(settings.url, SystemClock())
    devices = likely_devices(LocalPlaces(LocalMachine(settings.workspace), settings.cpu_slots), store)
    store.close()
    return wait_for_run(executor, program, devices, settings.workspace)


def _supervise(
    run_dir: Path, settings: Settings, executor: LocalExecutor, trainer: TrainerProgram, supervisor: tuple[str, ...]
) -> int:
    leave = Leave()
    leave.listen()
    lock = _hold(run_dir)
    clock = SystemClock()
    store = SqlRunStore(settings.url, clock)
    run = _checked(store, run_dir)
    identity = identify(os.getpid())
    assert identity is not None, "we live"
    if run.needs_supervisor:  # another one may have ended it since whoever started us has looked
        _log.info("looking after %s as process %d", run_dir.name, identity.pid)
        Supervisor(
            run_dir.name,
            store,
            executor,
            clock,
            files=LocalRunFiles(),
            trainer=trainer,
            rules=rules(settings),
            leave=leave,
            identity=identity,
            count_oom_kills=oom_kills,
            available_bytes=available_bytes,
        ).run()
    _log.info("%s is over", run_dir.name)
    os.close(lock)  # from here on another supervisor may start: a wish that came too late for us is not lost
    settings = _settings_now(settings)
    program = SupervisorProgram(supervisor, settings.workspace, settings.as_environment() | SAFE_PATH)
    places = LocalPlaces(LocalMachine(settings.workspace), settings.cpu_slots)
    reboots = AfterReboot(store, executor, clock, settings.after_reboot, identity.boot_id)
    report = ProcessManager(store, executor, clock, program, places, after_reboot=reboots.settle).reconcile()
    _log.info("seen to the other runs: %s", report)
    return 0


def _settings_now(before: Settings) -> Settings:
    """As they are when a run ends, for the runs that begin then; those from before if they cannot be read."""
    try:
        return Settings()
    except (ValueError, OSError) as error:
        _log.warning("the settings cannot be read any more: %s", error)
        return before


def rules(settings: Settings) -> Rules:
    """What the settings say about restarts, grace and hangs."""
    return Rules(
        policy=Policy(settings.max_failures, settings.backoff_seconds),
        stop_grace_seconds=settings.stop_grace_seconds,
        hang=HangLimits(
            loading_seconds=settings.hang_loading_seconds,
            training_seconds=settings.hang_training_seconds,
            evaluating_seconds=settings.hang_evaluating_seconds,
            saving_seconds=settings.hang_saving_seconds,
            ending_seconds=settings.hang_ending_seconds,
        ),
        standby=StandbyRule(settings.standby, settings.standby_after_seconds, settings.standby_min_free_bytes),
        chance=random.random,
        log_max_bytes=settings.log_max_bytes,
        min_free_bytes=settings.min_free_bytes,
    )


def trainer_program(settings: Settings, argv: tuple[str, ...], standby: tuple[str, ...] = ()) -> TrainerProgram:
    """The trainer with what it needs from the settings, which it does not read itself."""
    environment = {
        "PEFT_STUDIO_MODELS": str(settings.models_folder),
        "PEFT_STUDIO_CACHE": str(settings.cache_folder),
        SWITCHED_OFF: ",".join(settings.plugins_off),
        "PEFT_STUDIO_THREADS": str(settings.trainer_threads),
        "PEFT_STUDIO_ENERGY_PRICE_PER_KWH": str(settings.energy_price_per_kwh),
        "PEFT_STUDIO_ENERGY_CURRENCY": settings.energy_currency,
        "PYTHONUNBUFFERED": "1",  # the last lines before a kill are the ones that matter
        "PYTHONFAULTHANDLER": "1",  # a crash in a compiled library names its Python line
    } | SAFE_PATH
    if settings.hub_offline:
        environment["HF_HUB_OFFLINE"] = "1"
    return TrainerProgram(argv, environment, standby)


def _hold(run_dir: Path) -> int:
    if not run_dir.is_dir():
        raise RunDirMissing(run_dir=run_dir)
    lock = lock_file.hold(RunDirectory(run_dir).supervisor_lock)
    if lock is None:
        raise SupervisorBusy(run_dir=run_dir)
    os.set_inheritable(lock, False)
    return lock


def _checked(store: SqlRunStore, run_dir: Path) -> Run:
    """The run of a folder, which has to be the one that the store knows."""
    run = store.get(run_dir.name)
    if run.run_dir.resolve() != run_dir.resolve():
        raise RunDirMismatch(run_dir=run_dir, known=run.run_dir)
    return run


def _log_to_stderr() -> None:
    form = logging.Formatter("%(asctime)sZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(form)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
