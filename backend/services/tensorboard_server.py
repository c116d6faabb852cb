"""TensorBoardServer: TensorBoard itself, started when somebody wants to see it and stopped when nobody looks."""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.domain.ports import Clock, Command, WarmExecutor
from backend.domain.run import ProcessIdentity
from backend.domain.tensorboard_page import Showing, Stage, TensorBoardProbe
from backend.errors import StudioError
from backend.services.errors import PackageMissing, PortTaken
from backend.store.files import read_text, replace_text
from backend.store.log_files import tail
from backend.store.log_links import key_of, link_all

MOST_STARTS = 3  # a port that was free may be taken before TensorBoard listens on it
MOST_SERVERS = 6  # each takes some hundred MB; every choice of runs is a set of its own
START_SECONDS = 90.0
GRACE_SECONDS = 2.0
LOOK_SECONDS = 20.0
SERVER_FILE = "server.json"
_log = logging.getLogger(__name__)


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
    token: str
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
    while it answers a browser; of more than MOST_SERVERS the one that was used least recently ends. Its pages lie
    below a path that cannot be guessed: TensorBoard looks at no Host, so a page of another site that points its own
    name at 127.0.0.1 could read the curves otherwise (DNS rebinding).
    """

    def __init__(
        self,
        executor: WarmExecutor,
        clock: Clock,
        program: TensorBoardProgram,
        probe: TensorBoardProbe,
        idle_minutes: float,
        make_token: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._executor = executor
        self._clock = clock
        self._program = program
        self._probe = probe
        self._make_token = make_token
        self.idle_seconds = idle_minutes * 60
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
                self._make_room()
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
            return Showing(Stage.READY if child.is_ready else Stage.STARTING, _url(child.port, child.token))

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

    def _make_room(self) -> None:
        """End those that were asked for least recently, so that there are at most MOST_SERVERS with one more."""
        oldest = sorted(self._children, key=lambda key: self._children[key].used_at)
        for key in oldest[: max(0, len(oldest) + 1 - MOST_SERVERS)]:
            self._end(key)

    def _place(self, key: str) -> Path:
        return self._program.folder / "tensorboard" / key

    def _begin(self, key: str, port: int | None, starts: int = 1) -> None:
        place = self._place(key)
        chosen = self._probe.free_port() if port is None else port
        token = self._make_token()
        process = self._executor.warm(self._command(place, chosen, token))
        if process is None:  # another program of this workspace has it
            return
        now = self._clock.monotonic()
        self._children[key] = _Child(
            place, process, chosen, token, now, now, starts, is_port_fixed=port is not None, wanted=_touched(place)
        )
        replace_text(place / SERVER_FILE, json.dumps({"port": chosen, "token": token}), mode=0o600)

    def _command(self, place: Path, port: int, token: str) -> Command:
        flags = {
            "--logdir": str(place / "logs"),
            "--host": "127.0.0.1",
            "--port": str(port),
            "--path_prefix": f"/{token}",
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
            child.is_ready = self._probe.is_answering(child.port, child.token, child.place / "logs")
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
        return now - child.used_at > self.idle_seconds

    def _of_others(self, key: str) -> Showing:
        """One that another program of the workspace shows, or nothing."""
        if reason := self._failures.get(key):
            return Showing(Stage.FAILED, reason=reason)
        place = self._place(key)
        holder = self._executor.find(place / "server.lock")[1]
        known = _address(place) if holder else None
        if known is None:
            return Showing(Stage.OFF)
        (place / "wanted").touch()
        is_there = self._probe.is_answering(*known, place / "logs")
        return Showing(Stage.READY if is_there else Stage.STARTING, _url(*known), is_ours=False)

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


def _url(port: int, token: str) -> str:
    return f"http://127.0.0.1:{port}/{token}/"


def _address(place: Path) -> tuple[int, str] | None:
    """Port and token that a starter has written down."""
    try:
        known = json.loads(read_text(place / SERVER_FILE) or "")
    except ValueError:
        return None
    match known:
        case {"port": int(port), "token": str(token)}:
            return port, token
    return None


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
