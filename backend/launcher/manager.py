"""BackendServiceManager: starts the dashboard's server, watches its health, restarts it, and ends it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from backend.domain.engine import (
    Again,
    Answered,
    BackendStatus,
    EnginePolicy,
    EngineState,
    EngineStatusChanged,
    Exited,
    GiveUp,
    Keep,
    Missed,
    Record,
    decide_engine,
)
from backend.domain.ports import Clock
from backend.domain.process_info import ProcessInfo, ProcessStatus
from backend.domain.run import ProcessIdentity
from backend.errors import StudioError

SLICE_SECONDS = 0.1
KILLED_SECONDS = 5.0
_WITH_SERVER = (EngineState.STARTING, EngineState.READY)
_PROCESS_STATUS = {
    EngineState.STARTING: ProcessStatus.STARTING,
    EngineState.READY: ProcessStatus.RUNNING,
    EngineState.STOPPING: ProcessStatus.STOPPING,
    EngineState.STOPPED: ProcessStatus.STOPPED,
    EngineState.WAITING: ProcessStatus.CRASHED,
    EngineState.FAILED: ProcessStatus.CRASHED,
}
_log = logging.getLogger("backend.launcher")

Callback = Callable[[EngineStatusChanged], None]


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """A server to start: argument list, folder, and the whole environment."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]


class Server(Protocol):
    """A started server."""

    identity: ProcessIdentity
    command: ServerCommand

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None if it lives after so long."""

    def ask_to_end(self) -> None:
        """TERM to its group."""

    def kill(self) -> None:
        """KILL to its group."""

    def clear(self) -> None:
        """End what else it started, but for the programs of runs."""

    def last_words(self) -> str:
        """The end of its standard error."""


class BackendServiceManager:
    """Nothing happens by itself: `tick`, called again and again, looks and does what follows.

    `start`, `tick`, `restart` and `stop` belong to one thread, which lives as long as the server shall: on Linux
    the kernel ends the server with the thread that started it. The other methods may be called from any thread.
    """

    def __init__(
        self,
        *,
        launch: Callable[[int], Server],
        choose_port: Callable[[int | None], int],
        is_healthy: Callable[[int, int, float], bool],
        clock: Clock,
        pause: Callable[[float], None],
        policy: EnginePolicy,
    ) -> None:
        """`launch(port)`; `choose_port(the one before)`; `is_healthy(port, pid, timeout_seconds)`."""
        self._launch = launch
        self._choose_port = choose_port
        self._is_healthy = is_healthy
        self._clock = clock
        self._pause = pause
        self._policy = policy
        self._callbacks: tuple[Callback, ...] = ()
        self._status = BackendStatus()
        self._server: Server | None = None
        self._latest: Server | None = None
        self._record = Record(0.0)
        self._due = 0.0  # when to look next, or to start again

    def get_status(self) -> BackendStatus:
        """The status as of the latest look."""
        return self._status

    def get_process_info(self) -> ProcessInfo | None:
        """The present or the latest server as a process, None before the first; not safe to show but by parts."""
        server, status = self._latest, self._status
        if server is None or status.start_time is None:
            return None
        command, *args = server.command.argv
        folder = str(server.command.cwd)
        environment = server.command.environment
        how = _PROCESS_STATUS[status.state]
        return ProcessInfo(server.identity, command, tuple(args), folder, status.start_time, how, environment)

    def on_status_change(self, callback: Callback) -> None:
        """Call it with each change from now on, in the order in which they were given."""
        self._callbacks += (callback,)

    def start(self) -> BackendStatus:
        """Start a server if there is none; STARTING. Raises StudioError if none can be started, then FAILED."""
        if self._status.state not in (*_WITH_SERVER, EngineState.WAITING):
            try:
                self._spawn(restarts=0, reason="The dashboard is started.")
            except StudioError as error:
                self._fail(error.explain().sentence(), None)
                raise
        return self._status

    def stop(self) -> BackendStatus:
        """End the server: ask, wait a second, insist. Runs go on. STOPPED."""
        if self._server is not None:
            self._change("The dashboard is asked to end.", state=EngineState.STOPPING)
        code = self._end()
        if self._status.state is not EngineState.STOPPED:
            self._change("The dashboard was stopped.", state=EngineState.STOPPED, process=None, exit_code=code)
        return self._status

    def restart(self) -> BackendStatus:
        """Stop and start, also after it failed; its restarts are counted anew. Raises like `start`."""
        self.stop()
        return self.start()

    def tick(self) -> BackendStatus:
        """Look once, for little more than a second at most, and do what follows."""
        if self._server is not None:
            self._look(self._server)
        elif self._status.state is EngineState.WAITING and self._clock.monotonic() >= self._due:
            self._spawn_again()
        else:
            self._pause(SLICE_SECONDS)
        return self._status

    def _look(self, server: Server) -> None:
        left = max(0.0, self._due - self._clock.monotonic())
        code = server.wait(min(SLICE_SECONDS, left))
        if code is not None:
            self._follow(Exited(code))
        elif self._clock.monotonic() >= self._due:
            began = self._clock.monotonic()
            assert self._status.port is not None
            is_well = self._is_healthy(self._status.port, server.identity.pid, self._policy.check_timeout)
            self._follow(Answered() if is_well else Missed())
            self._due = began + self._pace

    @property
    def _pace(self) -> float:
        return self._policy.check_every if self._record.is_ready else self._policy.check_every_at_start

    def _follow(self, seen: Answered | Missed | Exited) -> None:
        verdict = decide_engine(self._record, seen, self._clock.monotonic(), self._policy)
        match verdict:
            case Keep(record):
                self._keep(record)
            case Again(wait_seconds, restarts, reason):
                words = f"{reason} Restarting in {wait_seconds:g} s ({restarts} of {self._policy.max_restarts}) ..."
                code = self._end()
                self._due = self._clock.monotonic() + wait_seconds
                self._change(
                    words,
                    state=EngineState.WAITING,
                    process=None,
                    exit_code=code,
                    restart_count=restarts,
                    error=reason,
                )
            case GiveUp(reason):
                server = self._server
                code = self._end()
                tail = server.last_words() if server else ""
                self._fail(f"{reason} The end of what it said: {tail or 'nothing'}", code)

    def _keep(self, record: Record) -> None:
        old, self._record = self._record, record
        if record.is_ready and not old.is_ready:
            took = self._clock.monotonic() - record.started_at
            self._change(f"The dashboard is ready after {took:.1f} s.", state=EngineState.READY, error="")
        elif record.restarts != old.restarts:
            self._change("The dashboard is well; restarts are counted anew.", restart_count=record.restarts)
        elif record.misses > old.misses:
            _log.warning("The dashboard missed a health check (%d of %d).", record.misses, self._policy.misses)

    def _spawn(self, restarts: int, reason: str) -> None:
        port = self._choose_port(self._status.port)
        server = self._launch(port)
        now = self._clock.monotonic()
        self._server = self._latest = server
        self._record, self._due = Record(now, restarts), now
        self._change(
            reason,
            state=EngineState.STARTING,
            port=port,
            process=server.identity,
            start_time=self._clock.now(),
            restart_count=restarts,
            exit_code=None,
            error="",
        )

    def _spawn_again(self) -> None:
        try:
            self._spawn(self._status.restart_count, "The dashboard is started again.")
        except StudioError as error:
            self._fail(error.explain().sentence(), self._status.exit_code)

    def _end(self) -> int | None:
        """Make the server and all that belongs to it be gone; its exit code."""
        server, self._server = self._server, None
        if server is None:
            return self._status.exit_code
        code = server.wait(0)
        if code is None:
            server.ask_to_end()
            code = server.wait(self._policy.stop_grace)
        if code is None:
            _log.warning("The dashboard did not end within %g s; it is killed.", self._policy.stop_grace)
            server.kill()
            code = server.wait(KILLED_SECONDS)
            if code is None:
                _log.error("The dashboard's process %d does not go although it was killed.", server.identity.pid)
        server.clear()
        return code

    def _fail(self, error: str, code: int | None) -> None:
        self._change(error, state=EngineState.FAILED, process=None, exit_code=code, error=error)

    def _change(self, reason: str, **facts: object) -> None:
        old = self._status
        self._status = replace(old, **facts)  # type: ignore[arg-type]
        level = logging.ERROR if self._status.state is EngineState.FAILED else logging.INFO
        _log.log(level, "%s", reason)
        event = EngineStatusChanged(old, self._status, reason, self._clock.now())
        for callback in self._callbacks:
            try:
                callback(event)
            except Exception:  # foreign code is called here: one failure must not stop the others, nor us
                logging.getLogger(_log.name).exception("Somebody who was told of the dashboard's status failed.")
