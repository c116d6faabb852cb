"""Programs on this machine: detached, each with its own session, log file and lock file."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backend.domain.ports import Command, Exit
from backend.domain.run import ProcessIdentity
from backend.domain.states import Liveness
from backend.executors import lock_file, orphans, process_table
from backend.executors.children import Children
from backend.executors.environment import LOCK_FD, child_environment, marker
from backend.executors.errors import CommandNotStarted
from backend.executors.handover import Order
from backend.executors.own_memory import joined_heap
from backend.executors.process_table import Entry
from backend.executors.waiting import wait_for_stranger
from backend.executors.warm import WarmChildren

_SWEEP_SECONDS = 5.0
_SWEEP_PAUSE_SECONDS = 0.01


class LocalExecutor:
    """The Executor port for POSIX.

    Linux: processes are known by kernel start time and boot, waited for by pidfd, and swept by environment.
    macOS: by creation time and by looking every 50 ms. Windows needs an adapter of its own (job object,
    CTRL_BREAK). With `adopts_orphans` (one per program, for supervisors, Linux) descendants cannot escape by
    leaving their parents.
    """

    def __init__(self, *, adopts_orphans: bool = False) -> None:
        self._children = Children()
        self._warm = WarmChildren()
        self._adopts_orphans = adopts_orphans and orphans.become_subreaper()

    def start(self, command: Command, warm: ProcessIdentity | None = None) -> ProcessIdentity | None:
        """Start detached, by a warm process if it still waits. None if the lock is held. Raises CommandNotStarted."""
        try:
            handle = lock_file.take(command.lock)
            if handle is None:
                return None
            try:
                if warm is not None and self._order(warm, command, handle):
                    return warm
                return self._spawn(command, handle, subprocess.DEVNULL)
            finally:
                os.close(handle)  # the child's copy keeps the lock
        except OSError as error:
            raise CommandNotStarted(program=command.argv[0], reason=error) from error

    def warm(self, command: Command) -> ProcessIdentity | None:
        """Start a program that waits for `start`; it finds its end of a socket as its standard input."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                handle = lock_file.take(command.lock)
                if handle is None:
                    ours.close()
                    return None
                try:
                    process = self._spawn(command, handle, theirs.fileno())
                finally:
                    os.close(handle)
            except OSError as error:
                ours.close()
                raise CommandNotStarted(program=command.argv[0], reason=error) from error
        self._warm.adopt(process, ours)
        return process

    def is_ready(self, process: ProcessIdentity) -> bool:
        """Whether a warm process has imported everything."""
        return self._warm.is_ready(process)

    def let_go(self, process: ProcessIdentity) -> None:
        """End a warm process; it has nothing to lose. Nothing if it does not wait any more."""
        entry = process_table.find(process)
        if self._warm.let_go(process) and entry is not None:
            process_table.send(entry, signal.SIGKILL)

    def find(self, lock: Path) -> tuple[Liveness, ProcessIdentity | None]:
        """ALIVE without an identity: held, but not (or not yet) by the process named in the file."""
        try:
            if not lock_file.is_held(lock):
                return Liveness.DEAD, None
        except OSError:
            return Liveness.UNKNOWN, None
        named = lock_file.read_identity(lock)
        return Liveness.ALIVE, named if named and process_table.is_alive(named) else None

    def wait(self, process: ProcessIdentity, timeout_seconds: float) -> Exit | None:
        """Children and strangers alike; also reaps orphans that came to us."""
        if self._children.knows(process):
            ended = self._children.wait(process, timeout_seconds)
        else:
            ended = wait_for_stranger(process, timeout_seconds)
        self._reap_orphans()
        return ended

    def terminate(self, process: ProcessIdentity) -> None:
        """TERM and CONT to the whole group; nothing if the process is gone or its pid was reused."""
        entry = process_table.find(process)
        if entry is None or entry.is_zombie:
            return
        for number in (signal.SIGTERM, signal.SIGCONT):
            if entry.group == entry.pid:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(entry.group, number)
            else:
                process_table.send(entry, number)

    def kill(self, process: ProcessIdentity) -> None:
        """KILL to the group, the session, all descendants and whatever carries the same attempt's token."""
        entry = process_table.find(process)
        if entry is None or entry.is_zombie:
            return
        marks = marker(process_table.environment(process.pid))
        for victim in process_table.tree(entry):
            process_table.send(victim, signal.SIGKILL)
        if marks:
            self.sweep(marks)

    def sweep(self, environment: Mapping[str, str]) -> int:
        """KILL whatever carries all these variables, and orphans that came to us; their number.

        Returns when they are gone, or after five seconds (a process in uninterruptible sleep).
        """
        assert environment, "an empty marker would match everybody"
        killed: set[tuple[int, int]] = set()
        deadline = time.monotonic() + _SWEEP_SECONDS
        while (found := self._leftovers(environment)) and time.monotonic() < deadline:
            for victim in found:
                process_table.send(victim, signal.SIGKILL)
                killed.add((victim.pid, victim.start_ticks))
            time.sleep(_SWEEP_PAUSE_SECONDS)
        self._reap_orphans()
        return len(killed)

    def ask_for_stacks(self, process: ProcessIdentity) -> int:
        """SIGUSR1 to each process of a trainer that listens to it; nobody else, whom it would end."""
        entry = process_table.find(process)
        if entry is None or entry.is_zombie:
            return 0
        listening = [one for one in process_table.tree(entry) if process_table.catches(one.pid, signal.SIGUSR1)]
        for one in listening:
            process_table.send(one, signal.SIGUSR1)
        return len(listening)

    def _order(self, warm: ProcessIdentity, command: Command, handle: int) -> bool:
        """Let a warm process take up the command; False if it is gone."""
        if not self._warm.knows(warm) or not process_table.is_alive(warm):
            self._warm.let_go(warm)
            return False
        environment = _environment(command.environment)
        order = Order(command.argv, str(command.cwd), environment)
        lock_file.write_identity(handle, warm)
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            return self._warm.order(warm, order, handle, log.fileno())

    def _spawn(self, command: Command, handle: int, stdin: int) -> ProcessIdentity:
        additions = command.environment | {LOCK_FD: str(handle)}
        command.log.parent.mkdir(parents=True, exist_ok=True)
        with command.log.open("ab") as log:
            process = subprocess.Popen(
                command.argv,
                cwd=command.cwd,
                env=_environment(additions),
                stdin=stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(handle,),
            )
        identity = process_table.identify(process.pid)
        assert identity is not None, "a child that was not waited for has an entry"
        lock_file.write_identity(handle, identity)
        self._children.adopt(identity, process)
        return identity

    def _leftovers(self, environment: Mapping[str, str]) -> list[Entry]:
        marked = [
            entry
            for entry in process_table.processes()
            if not entry.is_zombie
            and entry.pid != os.getpid()
            and environment.items() <= process_table.environment(entry.pid).items()
        ]
        return marked + (orphans.strays(self._children.pids()) if self._adopts_orphans else [])

    def _reap_orphans(self) -> None:
        if self._adopts_orphans:
            orphans.reap(self._children.pids())


def _environment(additions: Mapping[str, str]) -> dict[str, str]:
    """What a child gets: what it may inherit, a heap that stays whole, and its own."""
    return child_environment(os.environ, joined_heap() | dict(additions))
