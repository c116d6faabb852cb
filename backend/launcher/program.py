"""The launcher as a program: assembles one manager for one workspace, and lets it run until it is told to leave."""

import argparse
import logging
import os
import secrets
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backend.domain.engine import EnginePolicy, EngineState, EngineStatusChanged
from backend.domain.log_lines import JsonLines
from backend.errors import EXIT_CONFIGURATION, StudioError
from backend.executors import lock_file
from backend.launcher import ports
from backend.launcher.dashboard import dashboard
from backend.launcher.errors import DashboardFailed, WorkspaceUnusable
from backend.launcher.health import is_healthy
from backend.launcher.leave import Leave
from backend.launcher.log_file import CappedLog, LogLines
from backend.launcher.manager import SLICE_SECONDS, BackendServiceManager, ServerCommand
from backend.launcher.server import ServerProcess
from backend.launcher.status_file import StatusFile, address
from backend.probes.clock import SystemClock
from config.settings import Settings

_log = logging.getLogger("backend.launcher")
PATIENCE_SECONDS = 5.0
Say = Callable[[str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """The program peft_engine: serve until Ctrl-C or TERM; the exit code."""
    parser = argparse.ArgumentParser(prog="peft_engine", description="Serve the dashboard and keep it alive.")
    parser.add_argument("--port", type=int, help="first port tried; the ten after it follow")
    parser.add_argument("--workspace", type=Path, help="folder with runs, store and uploads")
    given = parser.parse_args(arguments)
    try:
        settings = Settings(workspace=given.workspace) if given.workspace else Settings()
    except ValueError as error:
        sys.stderr.write(f"The settings cannot be used: {error}\n")
        return EXIT_CONFIGURATION
    try:
        return serve(settings, given.port, _say)
    except StudioError as error:
        sys.stderr.write(f"{error.explain().sentence()}\n")
        return error.exit_code


def serve(
    settings: Settings,
    port: int | None,
    say: Say,
    *,
    command: Callable[[Settings, int], ServerCommand] = dashboard,
    policy: EnginePolicy | None = None,
) -> int:
    """Serve the dashboard of a workspace in the foreground; 0 when told to leave, or if it is served already.

    Raises DashboardFailed when it does not stay alive and nobody at a terminal starts it again.
    """
    log, lock = _open(settings)
    status = StatusFile(settings.engine_state_file, settings.host, secrets.token_hex(16))
    if lock is None:
        _say_where(status, settings, say)
        return 0
    try:
        with _logging(log, settings.log_format), Leave() as leave:
            if left := status.clear_leftovers():
                _log.warning("Ended %d processes that a killed launcher had left behind.", left)
            manager = _manager(settings, port, log, status, command, policy or EnginePolicy())
            manager.on_status_change(status.write)
            manager.on_status_change(lambda event: _say_address(event, settings, say))
            return _run(manager, leave, log)
    finally:
        os.close(lock)


def _manager(
    settings: Settings,
    port: int | None,
    log: CappedLog,
    status: StatusFile,
    command: Callable[[Settings, int], ServerCommand],
    policy: EnginePolicy,
) -> BackendServiceManager:
    return BackendServiceManager(
        launch=lambda chosen: ServerProcess(command(settings, chosen), status.mark, log),
        choose_port=lambda again: ports.free_port(settings.host, port or settings.port, again, _log.warning),
        is_healthy=lambda chosen, pid, seconds: is_healthy(settings.host, chosen, pid, seconds),
        clock=SystemClock(),
        pause=time.sleep,
        policy=policy,
    )


def _run(manager: BackendServiceManager, leave: Leave, log: CappedLog) -> int:
    try:
        manager.start()
        while not leave.is_asked:
            if manager.tick().state is EngineState.FAILED and not _start_again(manager, leave):
                break
        if manager.get_status().state is EngineState.FAILED and not leave.is_asked:
            raise DashboardFailed(reason=manager.get_status().error, log=log.path)
        return 0
    finally:
        manager.stop()


def _start_again(manager: BackendServiceManager, leave: Leave) -> bool:
    """Offer it to the person at the terminal; False if there is none."""
    if not sys.stdin.isatty():
        return False
    _log.warning("Press Enter to start the dashboard again, or Ctrl-C to leave.")
    while not leave.is_asked:
        if select.select([sys.stdin], [], [], 0.2)[0]:
            if not sys.stdin.readline():
                return False
            manager.restart()
            return True
    return True


def _open(settings: Settings) -> tuple[CappedLog, int | None]:
    logs = settings.workspace / "logs"
    try:
        settings.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
        logs.mkdir(mode=0o700, exist_ok=True)
        lock = lock_file.hold(settings.workspace / "engine.lock")
    except OSError as error:
        raise WorkspaceUnusable(folder=settings.workspace, reason=error.strerror or error) from error
    if lock is not None:
        os.set_inheritable(lock, False)
    return CappedLog(logs / "dashboard.log"), lock


def _say_where(status: StatusFile, settings: Settings, say: Say) -> None:
    """What the launcher that holds the lock says of itself; a moment's patience if it has only just begun."""
    holder = lock_file.read_identity(settings.workspace / "engine.lock")
    end = time.monotonic() + PATIENCE_SECONDS
    found = status.read()
    while holder and time.monotonic() < end and (found.get("launcher_pid"), found.get("running")) != (holder.pid, True):
        time.sleep(SLICE_SECONDS)
        found = status.read()
    by = f"by process {holder.pid}" if holder else "by another process"
    if found.get("running"):
        say(f"PEFT Studio is already at {found.get('url')}  (kept {by})")
    else:
        state, error = found.get("state", "not known"), found.get("error", "")
        say(f"The dashboard of {settings.workspace} is already kept {by}; its state is {state}. {error}".rstrip())


def _say_address(event: EngineStatusChanged, settings: Settings, say: Say) -> None:
    if event.new.running and not event.old.running:
        say(f"PEFT Studio is at {address(settings.host, event.new.port)}  (Ctrl-C ends it; training goes on)")


@contextmanager
def _logging(log: CappedLog, log_format: str) -> Iterator[None]:
    """The launcher's lines go to standard error, and with their times into the dashboard's log."""
    lines = LogLines(log)
    form = logging.Formatter("%(asctime)sZ launcher: %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    lines.setFormatter(JsonLines() if log_format == "json" else form)
    handlers = (logging.StreamHandler(), lines)
    _log.setLevel(logging.INFO)
    for handler in handlers:
        _log.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            _log.removeHandler(handler)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
