"""An Executor with scripted processes that records what was asked of it; waiting moves its clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from backend.domain.ports import Command, Exit
from backend.domain.run import ProcessIdentity
from backend.domain.states import Liveness
from tests.fakes.clock import FakeClock

BOOT = "boot"


@dataclass
class Script:
    """What a process will do: end after a while, with which code; what TERM makes of it (None: nothing).

    `on_start` is called with the command, `on_wait` whenever somebody waits while it lives, `on_end` with the
    exit code of a process that ended by itself or on TERM, `on_stacks` when it is asked for its stacks.
    """

    exit_code: int | None = 0
    lives_seconds: float = float("inf")
    on_term: int | None = -15
    on_start: Callable[[Command], None] = lambda _: None
    on_wait: Callable[[], None] = lambda: None
    on_end: Callable[[int | None], None] = lambda _: None
    on_stacks: Callable[[], None] = lambda: None


@dataclass
class _Process:
    identity: ProcessIdentity
    script: Script
    ends_at: float
    lock: Path | None = None
    environment: Mapping[str, str] | None = None
    exit: Exit | None = None
    is_waiting: bool = False


class FakeExecutor:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._processes: list[_Process] = []
        self._unknown: set[Path] = set()
        self.scripts: list[Script] = []
        self.refuses: Exception | None = None
        self.commands: list[Command] = []
        self.warmed: list[Command] = []
        self.is_slow = False  # nobody who waits is ever ready
        self.calls: list[str] = []

    def adoptable(
        self, lock: Path | None, script: Script, environment: Mapping[str, str] | None = None
    ) -> ProcessIdentity:
        """A process that somebody else started."""
        number = 1000 + len(self._processes)
        identity = ProcessIdentity(number, number * 10, BOOT)
        ends_at = self._clock.monotonic() + script.lives_seconds
        self._processes.append(_Process(identity, script, ends_at, lock, environment))
        return identity

    def make_unknown(self, lock: Path, *, is_unknown: bool = True) -> None:
        (self._unknown.add if is_unknown else self._unknown.discard)(lock)

    def make_unidentified(self, lock: Path) -> None:
        """The lock's file no longer says who holds it."""
        for process in self._alive():
            if process.lock == lock:
                process.identity = replace(process.identity, boot_id="")

    def start(self, command: Command, warm: ProcessIdentity | None = None) -> ProcessIdentity | None:
        self.calls.append("start")
        if self.refuses:
            raise self.refuses
        if self.find(command.lock)[0] is not Liveness.DEAD:
            return None
        self.commands.append(command)
        script = self.scripts.pop(0) if self.scripts else Script()
        waiting = self._find(warm) if warm else None
        if waiting is not None and waiting.is_waiting and waiting in self._alive():
            waiting.script, waiting.lock, waiting.is_waiting = script, command.lock, False
            waiting.ends_at = self._clock.monotonic() + script.lives_seconds
            identity = waiting.identity
        else:
            identity = self.adoptable(command.lock, script, command.environment)
        script.on_start(command)
        return identity

    def warm(self, command: Command) -> ProcessIdentity | None:
        """It lives until it is started or let go."""
        self.calls.append("warm")
        if self.refuses:
            raise self.refuses
        if self.find(command.lock)[0] is not Liveness.DEAD:
            return None
        self.warmed.append(command)
        identity = self.adoptable(command.lock, Script(), command.environment)
        self._processes[-1].is_waiting = True
        return identity

    def is_ready(self, process: ProcessIdentity) -> bool:
        found = self._find(process)
        return found is not None and found.is_waiting and not self.is_slow

    def let_go(self, process: ProcessIdentity) -> None:
        self.calls.append("let go")
        found = self._find(process)
        if found and found in self._alive() and found.is_waiting:
            found.exit, found.is_waiting = Exit(-9), False

    def end_warm(self, code: int) -> None:
        """The one that was warmed last ends by itself."""
        self._processes[-1].exit = Exit(code)

    def waiting(self) -> list[ProcessIdentity]:
        """Those that wait for a start."""
        return [process.identity for process in self._alive() if process.is_waiting]

    def ask_for_stacks(self, process: ProcessIdentity) -> int:
        self.calls.append("ask for stacks")
        found = self._find(process)
        if found is None or found not in self._alive():
            return 0
        found.script.on_stacks()
        return 1

    def find(self, lock: Path) -> tuple[Liveness, ProcessIdentity | None]:
        if lock in self._unknown:
            return Liveness.UNKNOWN, None
        for process in self._alive():
            if process.lock == lock:
                return Liveness.ALIVE, process.identity if process.identity.boot_id else None
        return Liveness.DEAD, None

    def wait(self, process: ProcessIdentity, timeout_seconds: float) -> Exit | None:
        found = self._find(process)
        if found is None:
            return Exit(None)
        if found in self._alive():
            self._clock.advance(min(timeout_seconds, max(0.0, found.ends_at - self._clock.monotonic())))
            if timeout_seconds:
                found.script.on_wait()
        return None if found in self._alive() else found.exit

    def terminate(self, process: ProcessIdentity) -> None:
        self.calls.append("terminate")
        found = self._find(process)
        if found and found in self._alive() and found.script.on_term is not None:
            found.exit = Exit(found.script.on_term)
            found.script.on_end(found.script.on_term)

    def kill(self, process: ProcessIdentity) -> None:
        self.calls.append("kill")
        found = self._find(process)
        if found and found in self._alive():
            found.exit = Exit(-9)

    def sweep(self, environment: Mapping[str, str]) -> int:
        self.calls.append("sweep")
        found = [p for p in self._alive() if environment.items() <= (p.environment or {}).items()]
        for process in found:
            process.exit = Exit(-9)
        return len(found)

    def _find(self, identity: ProcessIdentity) -> _Process | None:
        return next((process for process in self._processes if process.identity == identity), None)

    def _alive(self) -> list[_Process]:
        for process in self._processes:
            if process.exit is None and self._clock.monotonic() >= process.ends_at:
                process.exit = Exit(process.script.exit_code)
                process.script.on_end(process.script.exit_code)
        return [process for process in self._processes if process.exit is None]
