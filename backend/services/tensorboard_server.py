"""TensorBoardServer: TensorBoard itself, started when somebody wants to see it and stopped when nobody looks."""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from backend.domain.ports import Clock, Command, WarmExecutor
from backend.domain.run import ProcessIdentity
from backend.errors import StudioError
from backend.services.errors import PackageMissing, PortTaken
from backend.store.files import read_text, replace_text
from backend.store.log_files import tail
from backend.store.log_links import key_of, link_all

MOST_STARTS = 3  # a port that was free may be taken before TensorBoard listens on it
START_SECONDS = 90.0
GRACE_SECONDS = 2.0
LOOK_SECONDS = 20.0
SERVER_FILE = "server.json"
_log = logging.getLogger(__name__)


class TensorBoardProbe(Protocol):
    """What is to be known of the loopback address and of the installed packages."""

    def is_answering(self, port: int, folder: Path, timeout_seconds: float = 1.0) -> bool:
        """Whether a TensorBoard of this very folder answers there."""

    def free_port(self) -> int:
        """One that nobody listens on now."""

    def is_free(self, port: int) -> bool:
        """Whether a server could listen there now."""

    def is_looked_at(self, pid: int, port: int) -> bool:
        """Whether somebody is connected to a process at a port, or was a moment ago."""

    def is_installed(self) -> bool:
        """Whether the package is there."""

    def is_fast(self) -> bool:
        """Whether TensorBoard's own data server is there."""


class Stage(StrEnum):
    """What there is of a TensorBoard."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Showing:
    """A TensorBoard of some log directories: its address once it is ready, and why it failed if it did.

    `is_ours` is False if another program of the workspace has started it; it ends with that one.
    """

    stage: Stage
    url: str = ""
    reason: str = ""
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class TensorBoardProgram:
    """How a module is called that ends with its starter, from which folder, with which variables."""

    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]


@dataclass(slots=True)
class _Child:
    place: Path
    process: ProcessIdentity
    port: int
    began_at: float
    used_at: float
    starts: int = 1
    is_ready: bool = False
    is_port_fixed: bool = False
    wanted: int = 0


class TensorBoardServer:
    """One TensorBoard for each set of log directories, on 127.0.0.1 only. Safe to call from any thread.

    Children end with us, however we end; a set that another program of the same workspace shows already is shown
    there. `tend` is to be called every few seconds. A TensorBoard counts as used while we are asked for it, and
    while it answers a browser.
    """

    def __init__(
        self,
        executor: WarmExecutor,
        clock: Clock,
        program: TensorBoardProgram,
        probe: TensorBoardProbe,
        idle_minutes: float,
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._program = program
        self._probe = probe
        self._idle_seconds = idle_minutes * 60
        self._lock = threading.Lock()
        self._children: dict[str, _Child] = {}
        self._failures: dict[str, str] = {}

    def start(self, directories: Mapping[str, Path], port: int | None = None) -> Showing:
        """See that there is one for these directories, by the names that it shall show; returns at once.

        Raises PackageMissing, PortTaken for a port that was asked for, CommandNotStarted, OSError.
        """
        if not self._probe.is_installed():
            raise PackageMissing(
                package="tensorboard",
                reason="TensorBoard's own page is a part of it",
                command="pip install tensorboard",
            )
        key = key_of(directories)
        with self._lock:
            self._failures.pop(key, None)
            link_all(self._place(key) / "logs", directories)
            if key not in self._children:
                if port is not None and not self._probe.is_free(port):
                    raise PortTaken(port=port)
                self._begin(key, port)
        return self.showing(directories)

    def showing(self, directories: Mapping[str, Path]) -> Showing:
        """What there is for these directories now; asking counts as using it."""
        key = key_of(directories)
        with self._lock:
            child = self._children.get(key)
            if child is None:
                return self._of_others(key)
            child.used_at = self._clock.monotonic()
            self._look_after(key, child)
            if key not in self._children:
                return self._of_others(key)
            child = self._children[key]
            return Showing(Stage.READY if child.is_ready else Stage.STARTING, _url(child.port))

    def stop(self, directories: Mapping[str, Path]) -> None:
        """End the one for these directories, if it is ours."""
        with self._lock:
            self._end(key_of(directories))

    def tend(self) -> None:
        """Notice which have ended, and end those that nobody uses."""
        with self._lock:
            for key, child in list(self._children.items()):
                self._look_after(key, child)
                if key in self._children and self._is_idle(child):
                    _log.info("TensorBoard on port %d was stopped: nobody looked at it", child.port)
                    self._end(key)

    def close(self) -> None:
        """End all of ours."""
        with self._lock:
            for key in list(self._children):
                self._end(key)

    def _place(self, key: str) -> Path:
        return self._program.folder / "tensorboard" / key

    def _begin(self, key: str, port: int | None, starts: int = 1) -> None:
        place = self._place(key)
        chosen = self._probe.free_port() if port is None else port
        process = self._executor.warm(self._command(place, chosen))
        if process is None:  # another program of this workspace has it
            return
        now = self._clock.monotonic()
        self._children[key] = _Child(
            place, process, chosen, now, now, starts, is_port_fixed=port is not None, wanted=_touched(place)
        )
        replace_text(place / SERVER_FILE, json.dumps({"port": chosen}))

    def _command(self, place: Path, port: int) -> Command:
        flags = {
            "--logdir": str(place / "logs"),
            "--host": "127.0.0.1",
            "--port": str(port),
            "--load_fast": "auto" if self._probe.is_fast() else "false",
            "--reload_multifile": "true",
            "--reload_interval": "5",
            "--window_title": "TensorBoard of PEFT Studio",
        }
        return Command(
            argv=(*self._program.argv, "tensorboard.main", *(word for pair in flags.items() for word in pair)),
            cwd=place,
            log=place / "server.log",
            lock=place / "server.lock",
            environment=dict(self._program.environment),
        )

    def _look_after(self, key: str, child: _Child) -> None:
        ended = self._executor.wait(child.process, 0)
        if ended is not None:
            self._forget(key)
            if child.is_ready:
                _log.warning("TensorBoard on port %d has ended (exit code %s)", child.port, ended.code)
            elif child.is_port_fixed or child.starts >= MOST_STARTS:
                self._failures[key] = _why(child.place, f"It ended with exit code {ended.code}.")
            else:
                self._begin_again(key, child.starts + 1)
        elif not child.is_ready:
            child.is_ready = self._probe.is_answering(child.port, child.place / "logs")
            if not child.is_ready and self._clock.monotonic() - child.began_at > START_SECONDS:
                self._end(key)
                self._failures[key] = _why(child.place, f"It did not answer within {START_SECONDS:g} seconds.")

    def _begin_again(self, key: str, starts: int) -> None:
        try:
            self._begin(key, None, starts)
        except (StudioError, OSError) as error:
            self._failures[key] = str(error)

    def _is_idle(self, child: _Child) -> bool:
        now, wanted = self._clock.monotonic(), _touched(child.place)
        if now - child.used_at < LOOK_SECONDS:
            return False
        if wanted != child.wanted or self._probe.is_looked_at(child.process.pid, child.port):
            child.wanted, child.used_at = wanted, now
        return now - child.used_at > self._idle_seconds

    def _of_others(self, key: str) -> Showing:
        """One that another program of the workspace shows, or nothing."""
        if reason := self._failures.get(key):
            return Showing(Stage.FAILED, reason=reason)
        place = self._place(key)
        holder = self._executor.find(place / "server.lock")[1]
        port = _port(place) if holder else None
        if port is None:
            return Showing(Stage.OFF)
        (place / "wanted").touch()
        is_there = self._probe.is_answering(port, place / "logs")
        return Showing(Stage.READY if is_there else Stage.STARTING, _url(port), is_ours=False)

    def _end(self, key: str) -> None:
        child = self._children.get(key)
        if child is None:
            return
        self._executor.terminate(child.process)
        if self._executor.wait(child.process, GRACE_SECONDS) is None:
            self._executor.kill(child.process)
            self._executor.wait(child.process, GRACE_SECONDS)
        self._forget(key)

    def _forget(self, key: str) -> None:
        child = self._children.pop(key)
        self._executor.let_go(child.process)
        (child.place / SERVER_FILE).unlink(missing_ok=True)


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


def _port(place: Path) -> int | None:
    try:
        port = json.loads(read_text(place / SERVER_FILE) or "")["port"]
    except (ValueError, KeyError, TypeError):
        return None
    return port if isinstance(port, int) else None


def _touched(place: Path) -> int:
    """Changes whenever another program wants it to stay."""
    try:
        return (place / "wanted").stat().st_mtime_ns
    except OSError:
        return 0


def _why(place: Path, what: str) -> str:
    """With the last line of its log that says something."""
    try:
        text = tail(place / "server.log", 4096).decode("utf-8", errors="replace")
    except OSError:
        return what
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{what} Its log ends with: {lines[-1][:300]}" if lines else what
