"""The warm standby of a run: started when it is steady, used for the next attempt, given up if memory is short."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import Clock, Command, Exit, WarmExecutor
from backend.domain.run import ProcessIdentity
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_USAGE, StudioError
from backend.executors.environment import RUN_ID, TOKEN
from backend.supervisor.rules import StandbyRule, TrainerProgram

_SIZE_BYTES = 600_000_000  # about what one takes when everything is imported
_WORTH_FACTOR = 4.0  # a run that ends sooner than four times the wait has ended before a standby would be ready
_AGAIN_SECONDS = 30.0  # after one that ended by itself or was given up
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a standby needs to know; `available_bytes` is the memory left, None if that cannot be told.

    `devices` gives the variables that show the run's GPUs and no others: what imports may depend on.
    """

    run_id: str
    run_dir: Path
    program: TrainerProgram
    available_bytes: Callable[[], int | None]
    remark: Callable[[str], None]
    devices: Callable[[], dict[str, str]] = dict


class Standby:
    """At most one waiting process, with the token of the attempt that it may become.

    The token is in its environment from its start, so that it can be found and swept like any other trainer, and
    no sweep of an older attempt can hit it.
    """

    def __init__(self, executor: WarmExecutor, clock: Clock, rule: StandbyRule, around: Surroundings) -> None:
        self._executor = executor
        self._clock = clock
        self._rule = rule
        self._around = around
        spare = around.program.spare
        self._process: ProcessIdentity | None = spare.process if spare else None
        self._token = spare.token if spare else ""
        self._has_said_ready = False
        self._not_before = self._look_at = clock.monotonic()
        self._steady: tuple[str, int, float] | None = None
        self._became: ProcessIdentity | None = None
        self._again_seconds = _AGAIN_SECONDS
        self._is_possible = True

    def next_token(self) -> str:
        """The token for the next attempt: the waiting process's, if there is one."""
        return self._token if self._is_waiting() else secrets.token_hex(16)

    def start(self, command: Command) -> ProcessIdentity | None:
        """Start an attempt by the waiting process, or by a new one. As WarmExecutor.start."""
        self._steady = None
        warm = self._process
        if warm is None or command.environment.get(TOKEN) != self._token:
            return self._executor.start(command)
        self._process = started = None
        try:
            started = self._executor.start(command, warm)
        finally:
            if started != warm:
                self._executor.let_go(warm)
        self._became = started if started == warm else None
        return started

    def has_become(self, process: ProcessIdentity) -> bool:
        """Whether this trainer waited before it was started."""
        return process == self._became

    def tend(self, beat: Heartbeat) -> None:
        """While the run's trainer trains: keep one beside it, or not."""
        if self._process is not None:
            self._look_after(self._process)
        elif self._is_time(beat):
            self._begin()

    def let_go(self) -> None:
        """There will be no other attempt soon."""
        process, self._process = self._process, None
        if process is not None:
            self._executor.let_go(process)

    def _is_waiting(self) -> bool:
        return self._process is not None and self._executor.wait(self._process, 0) is None

    def _is_time(self, beat: Heartbeat) -> bool:
        """The run is steady, goes on for a while, and leaves enough memory."""
        now = self._clock.monotonic()
        is_possible = self._is_possible and self._rule.is_wanted and self._around.program.waiting
        if not is_possible or beat.phase is not Phase.TRAINING:
            return False
        if self._steady is None or self._steady[0] != beat.token:
            self._steady = beat.token, beat.step, now
        _, first_step, since = self._steady
        is_steady = beat.step > first_step and now - since >= self._rule.after_seconds
        left = (beat.total_steps - beat.step) * (beat.seconds_per_step or float("inf"))
        if not is_steady or now < self._not_before or left < _WORTH_FACTOR * self._rule.after_seconds:
            return False
        self._not_before = now + _LOOK_SECONDS
        available = self._around.available_bytes()
        return available is None or available >= self._rule.min_free_bytes + _SIZE_BYTES

    def _begin(self) -> None:
        self._not_before = self._clock.monotonic() + self._again_seconds
        folder = RunDirectory(self._around.run_dir)
        self._token = secrets.token_hex(16)
        program = self._around.program
        marks = {RUN_ID: self._around.run_id, TOKEN: self._token}
        command = Command(
            argv=(*program.waiting, str(folder.root)),
            cwd=folder.root,
            log=folder.standby_log,
            lock=folder.standby_lock,
            environment=program.environment | self._around.devices() | marks,
        )
        try:
            self._process = self._executor.warm(command)
        except (StudioError, OSError) as error:
            _log.warning("no warm standby: %s", error)
            return
        self._has_said_ready = False
        if self._process is None:
            self._end_forgotten(folder)

    def _end_forgotten(self, folder: RunDirectory) -> None:
        """A standby that did not notice the end of its supervisor, because it was stopped."""
        _, process = self._executor.find(folder.standby_lock)
        if process is not None and process != self._executor.find(folder.trainer_lock)[1]:
            self._executor.kill(process)

    def _look_after(self, process: ProcessIdentity) -> None:
        now = self._clock.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        ended = self._executor.wait(process, 0)
        available = self._around.available_bytes()
        if ended is not None:
            self._mourn(ended)
        elif available is not None and available < self._rule.min_free_bytes:
            self.let_go()
            self._around.remark(f"the warm standby was given up: only {available / 1e9:.1f} GB of memory are left")
        elif not self._has_said_ready and self._executor.is_ready(process):
            self._has_said_ready = True
            self._around.remark(f"a warm standby is ready, process {process.pid}")
        if self._process is None:
            self._not_before = now + self._again_seconds

    def _mourn(self, ended: Exit) -> None:
        """It ended by itself; one that cannot be is not tried again, others are less and less often."""
        self._process = None
        self._again_seconds *= 2
        if ended.code == EXIT_USAGE:
            self._is_possible = False
            self._around.remark("no warm standby: the processes of a run that has several are started anew each time")
        else:
            self._around.remark(f"the warm standby is gone (exit code {ended.code})")
