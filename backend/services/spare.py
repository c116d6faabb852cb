"""The spare supervisor of a dashboard: its trainer has imported everything, so the next run starts in seconds."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from backend.domain.ports import Clock, Command, WarmExecutor
from backend.domain.run import ProcessIdentity
from backend.errors import StudioError
from backend.services.process_manager import SupervisorProgram

_SIZE_BYTES = 800_000_000  # about what supervisor and trainer take when everything is imported
_AGAIN_SECONDS = 30.0  # after one that ended by itself or was given up; twice as long each time
_FIRST_SECONDS = 10.0  # after the dashboard has come up, or after the last one was used: that is their time
_log = logging.getLogger(__name__)


class SpareState(StrEnum):
    """What there is of it now."""

    OFF = "off"
    NONE = "none"
    SHORT = "short of memory"
    STARTING = "starting"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class SpareRule:
    """Whether it is kept, and how much memory has to be left beside it."""

    is_wanted: bool = True
    min_free_bytes: int = 2_000_000_000
    after_seconds: float = _FIRST_SECONDS


@dataclass(frozen=True, slots=True)
class Memory:
    """Measurements in bytes: what is left on the machine, and what a process has with its descendants."""

    available_bytes: Callable[[], int | None]
    tree_bytes: Callable[[int], int | None]


class Spare:
    """At most one waiting supervisor; it begins to be kept with the first `tend`. Safe to call from any thread."""

    def __init__(
        self, executor: WarmExecutor, clock: Clock, program: SupervisorProgram, rule: SpareRule, memory: Memory
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._program = program
        self._rule = rule
        self._memory = memory
        self._lock = threading.Lock()
        self._process: ProcessIdentity | None = None
        self._not_before: float | None = None
        self._again_seconds = _AGAIN_SECONDS
        self._is_short = False
        self._is_over = False

    def tend(self) -> None:
        """Start it when it is time, and give it up when memory is short; to be called every few seconds."""
        with self._lock:
            if self._is_over or not self._rule.is_wanted:
                return
            if self._process is not None:
                self._look_after(self._process)
            elif self._is_time():
                self._begin()

    def start(self, command: Command) -> ProcessIdentity | None:
        """Start a supervisor: by the spare one if it is ready, else cold. As Executor.start."""
        warm = self._take()
        if warm is None:
            return self._executor.start(command)
        started = None
        try:
            started = self._executor.start(command, warm)
        finally:
            if started != warm:
                self._executor.let_go(warm)
        return started

    def state(self) -> SpareState:
        """What there is now."""
        with self._lock:
            if not self._rule.is_wanted:
                return SpareState.OFF
            if self._process is None:
                return SpareState.SHORT if self._is_short else SpareState.NONE
            return SpareState.READY if self._executor.is_ready(self._process) else SpareState.STARTING

    def size_bytes(self) -> int | None:
        """The memory that it takes now, its trainer's included; None if there is none."""
        process = self._process
        return self._memory.tree_bytes(process.pid) if process else None

    def follow(self, rule: SpareRule) -> None:
        """Keep to another rule; the one that waits has been told old settings, and makes room for a new one."""
        with self._lock:
            self._rule = rule
            self._end()
            self._not_before = None

    def let_go(self) -> None:
        """The dashboard ends: no other one is kept."""
        with self._lock:
            self._is_over = True
            self._end()

    def _take(self) -> ProcessIdentity | None:
        """The waiting one, if it is ready; it is not kept any more then."""
        with self._lock:
            process = self._process
            if process is None or not self._executor.is_ready(process):
                return None
            self._process = None
            self._again_seconds = _AGAIN_SECONDS
            self._wait(self._rule.after_seconds)
            return process if self._executor.wait(process, 0) is None else None

    def _is_time(self) -> bool:
        now = self._clock.monotonic()
        if self._not_before is None:
            self._wait(self._rule.after_seconds)
        if self._not_before is None or now < self._not_before:
            return False
        available = self._memory.available_bytes()
        self._is_short = available is not None and available < self._rule.min_free_bytes + _SIZE_BYTES
        return not self._is_short

    def _begin(self) -> None:
        folder: Path = self._program.cwd
        self._wait(self._again_seconds)
        command = Command(
            argv=(*self._program.argv, "--spare"),
            cwd=folder,
            log=folder / "logs" / "spare.log",
            lock=folder / "spare.lock",
            environment=dict(self._program.environment),
        )
        try:
            self._process = self._executor.warm(command)  # None: another dashboard keeps one here
        except (StudioError, OSError) as error:
            _log.warning("no spare supervisor: %s", error)

    def _look_after(self, process: ProcessIdentity) -> None:
        available = self._memory.available_bytes()
        if ended := self._executor.wait(process, 0):
            _log.warning("the spare supervisor is gone (exit code %s)", ended.code)
            self._again_seconds *= 2
        elif available is not None and available < self._rule.min_free_bytes:
            _log.warning("the spare supervisor was given up: only %.1f GB of memory are left", available / 1e9)
            self._is_short = True
        else:
            return
        self._end()
        self._wait(self._again_seconds)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            self._executor.let_go(process)

    def _wait(self, seconds: float) -> None:
        self._not_before = self._clock.monotonic() + seconds
