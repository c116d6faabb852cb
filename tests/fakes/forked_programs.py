"""Supervisors and trainers that start in milliseconds: forks of a process that has only imported.

They are processes of their own all the same, with their own session, log, lock and environment; only the imports
are shared. `Forks` is the handle for tests, `ForkingExecutor` starts the programs through it, and this file run as a
program is the process that forks (it never opens a database: SQLite does not survive a fork). A trainer is forked
by its supervisor itself, whose child it is.
"""

import array
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from backend.domain.ports import Command
from backend.domain.run import ProcessIdentity
from backend.executors import lock_file, process_table
from backend.executors.environment import ATTEMPT, LOCK_FD, RUN_ID, TOKEN, child_environment
from backend.executors.local import LocalExecutor
from backend.probes.clock import SystemClock
from tests.untraced import untraced

ROOT = Path(__file__).resolve().parents[2]
SUPERVISOR = "forked-supervisor"
TRAINER = "forked-trainer"
DASHBOARD = "forked-dashboard"
WORKSPACE = "PEFT_STUDIO_WORKSPACE"
SOCKET = "PEFT_STUDIO_FORKS"
PATIENCE_SECONDS = 120.0
_SHOWN = (RUN_ID, TOKEN, ATTEMPT, LOCK_FD, WORKSPACE, "PEFT_STUDIO_MODELS", "CUDA_VISIBLE_DEVICES")
_ENV_START, _ENV_END = 47, 48  # of proc_pid_stat(5), counted from the field after the name
_MAX_BYTES = 65_536
_MISBEHAVING = ("alembic", "sqlalchemy", "backend.supervisor.program", "tests.fakes.misbehaving_trainer")
_REAL = ("numpy", "torch", "transformers", "peft", "trl", "datasets")
_OURS = ("backend.trainer.__main__", "backend.trainer.training")
STACKS = {"misbehaving": _MISBEHAVING, "real": (*_MISBEHAVING, *_REAL, *_OURS)}


class Forks:
    """The process that forks; `kind` names the trainer, "misbehaving" or "real".

    Coverage is not measured there: what is forked ends at once, and could not tell.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self.socket = Path(self._folder.name) / "socket"
        environment = untraced(os.environ) | {
            "PEFT_STUDIO_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.forked_programs", str(self.socket), kind],
            cwd=ROOT,
            env=environment | {"PADDING": "x" * 1000},  # room for what forks show, see _show_environment
            stdin=subprocess.PIPE,
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.socket.exists():
            assert self._process.poll() is None, "the process that forks has died"
            assert time.monotonic() < deadline, "the process that forks is not ready"
            time.sleep(0.005)

    @property
    def environment(self) -> dict[str, str]:
        """For whoever shall start programs through it."""
        return {SOCKET: str(self.socket)}

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


class ForkingExecutor(LocalExecutor):
    """A LocalExecutor that forks our own programs; others it starts as ever."""

    def _spawn(self, command: Command, handle: int, stdin: int) -> ProcessIdentity:
        name = command.argv[0]
        if name not in MAINS:
            return super()._spawn(command, handle, stdin)
        command.log.parent.mkdir(parents=True, exist_ok=True)
        own = name == TRAINER
        pid = _fork(command, handle) if own else _ask(command, handle)
        identity = process_table.identify(pid)
        if identity is None:  # it is gone already, and was waited for
            return ProcessIdentity(pid, 0, process_table.boot_id())
        lock_file.write_identity(handle, identity)
        if own:
            self._children.adopt(identity, Fork(pid))  # type: ignore[arg-type]
        return identity


class Fork:
    """As much of a Popen as is needed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self) -> int:
        self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def _fork(command: Command, handle: int) -> int:
    pid = os.fork()
    if pid == 0:
        environment = child_environment(os.environ, command.environment)
        become(command.argv, str(command.cwd), environment, str(command.log), handle)
    return pid


def _ask(command: Command, handle: int) -> int:
    """Have it forked by the process that only imports."""
    environment = child_environment(os.environ, command.environment)
    order = [command.argv, str(command.cwd), environment, str(command.log)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(environment[SOCKET])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [handle]))]
        line.sendmsg([json.dumps(order).encode()], rights)
        return int(line.recv(100))


_LOOK_SECONDS = 0.5


def serve(path: str, kind: str) -> None:
    """Import, then fork a program for each order, until standard input ends."""
    for name in STACKS[kind]:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path + ".new")
        listener.listen(100)
        Path(path + ".new").rename(path)
        while True:
            ready, _, _ = select.select([listener, 0], [], [], _LOOK_SECONDS)
            _reap()  # a signal that comes just before we wait is not heard by Python until something else wakes us
            if 0 in ready and not os.read(0, 1):
                return
            if listener in ready:
                _answer(listener.accept()[0])


def _answer(line: socket.socket) -> None:
    with line, suppress(OSError):
        data, rights, _, _ = line.recvmsg(_MAX_BYTES, socket.CMSG_LEN(4))
        handle = array.array("i", rights[0][2])[0]
        pid = os.fork()
        if pid == 0:
            become(*json.loads(data), handle)
        os.close(handle)
        line.send(str(pid).encode())


def _reap(*_: object) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def become(argv: Sequence[str], cwd: str, environment: Mapping[str, str], log: str, handle: int) -> None:
    """Never returns: in a fork, be the program that an executor would have started."""
    code = 70
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _take_files(log, handle)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update({**environment, LOCK_FD: str(handle)})
        _show_environment({name: os.environ[name] for name in _SHOWN if name in os.environ})
        logging.root.handlers[:] = []
        code = MAINS[argv[0]](argv[1:])
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:  # noqa: BLE001 - a fork has nobody above it
        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _take_files(log: str, keep: int) -> None:
    """Standard input, output and error, and one more; nothing else of our parent's, above all no lock."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((null, 0), (out, 1), (out, 2)):
        os.dup2(source, target)
    opened = [int(path.name) for path in Path("/proc/self/fd").iterdir()]
    for number in opened:
        if number > 2 and number != keep:
            with suppress(OSError):
                os.close(number)
    sys.stdin, sys.stdout, sys.stderr = _text(0, "r"), _text(1, "w"), _text(2, "w")


def _text(number: int, mode: str) -> IO[str]:
    return os.fdopen(number, mode, buffering=1, closefd=False)


def _show_environment(shown: Mapping[str, str]) -> None:
    """What /proc/PID/environ says, which is how processes of an attempt are found.

    The place of the environment that our ancestor started with is free: `os.environ.clear()` made everybody
    use copies.
    """
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[_ENV_START]), int(fields[_ENV_END])
    text = b"".join(f"{name}={value}\0".encode() for name, value in shown.items())
    assert len(text) <= end - start, "our own environment is too small to be rewritten"
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, text, len(text))


class JumpingClock(SystemClock):
    """A wall clock that is as many seconds ahead as a file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def now(self) -> datetime:
        jump = float(self._file.read_text()) if self._file.exists() else 0.0
        return super().now() + timedelta(seconds=jump)


def _supervisor(arguments: Sequence[str]) -> int:
    """`KIND RUN_DIR`, as in `python -m backend.supervisor RUN_DIR`."""
    from backend.supervisor import program

    kind, run_dir = arguments
    count = Path(run_dir) / "oom-kills"
    program.oom_kills = lambda: int(count.read_text()) if count.exists() else 0
    program.SystemClock = lambda: JumpingClock(Path(run_dir) / "clock-jump")  # type: ignore[misc,assignment]
    program.executor_named = lambda _, **options: ForkingExecutor(**options)
    return program.main([run_dir], trainer=(TRAINER, kind), supervisor=(SUPERVISOR, kind))


def _trainer(arguments: Sequence[str]) -> int:
    """`KIND RUN_DIR`."""
    kind, run_dir = arguments
    if kind == "misbehaving":
        from tests.fakes import misbehaving_trainer

        return misbehaving_trainer.main(run_dir)
    from tests.fakes import told_trainer

    return told_trainer.main(run_dir)


def _dashboard(arguments: Sequence[str]) -> int:
    """`KIND SECONDS`: what a dashboard does for runs: look after them every so often."""
    from backend.errors import StudioError
    from backend.probes.machine import LocalMachine
    from backend.probes.places import LocalPlaces
    from backend.services.process_manager import ProcessManager, SupervisorProgram
    from backend.store.sql_store import SqlRunStore
    from config.settings import Settings

    kind, seconds = arguments
    settings, clock = Settings(), SystemClock()
    own = {name: value for name, value in os.environ.items() if name.startswith("PEFT_STUDIO_")}
    program = SupervisorProgram((SUPERVISOR, kind), settings.workspace, own | settings.as_environment())
    while True:
        try:
            store = SqlRunStore(settings.url, clock)
            break
        except StudioError as error:
            sys.stderr.write(f"{error}\n")
            time.sleep(float(seconds))
    places = LocalPlaces(LocalMachine(settings.workspace), settings.cpu_slots)
    manager = ProcessManager(store, ForkingExecutor(), clock, program, places)
    while True:
        try:
            manager.reconcile()
        except StudioError as error:  # as in the server: it looks again
            sys.stderr.write(f"{error}\n")
        time.sleep(float(seconds))


MAINS = {SUPERVISOR: _supervisor, TRAINER: _trainer, DASHBOARD: _dashboard}


if __name__ == "__main__":
    serve(*sys.argv[1:])
