"""PipedProgram: starts a program that is spoken to through pipes and dies with us.

Its input is a pipe of which we hold the only writing end, so that it sees the end of its input when this
process ends, also by kill -9. PR_SET_PDEATHSIG would end it with the starting *thread* instead.
"""

import os
import queue
import select
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import psutil

MAX_LINE_BYTES = 1_000_000
MAX_WAITING_LINES = 10_000
MAX_LOG_BYTES = 1_000_000


class PipedProgram:
    """A command, its folder and its log; the log starts anew when it has grown beyond a megabyte."""

    def __init__(
        self,
        argv: tuple[str, ...],
        cwd: Path,
        log: Path,
        more: Callable[[], tuple[str, ...]] = tuple,
        surroundings: Mapping[str, str] | None = None,
    ) -> None:
        """`more` arguments are asked for at each start; `surroundings` are variables of every start."""
        self._argv = argv
        self._cwd = cwd
        self._log = log
        self._more = more
        self._surroundings = surroundings or {}

    def start(self, environment: Mapping[str, str]) -> "PipedChild":
        """Start in a session of its own: Ctrl-C in our terminal is not Ctrl-C for it. Raises OSError."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        is_long = self._log.exists() and self._log.stat().st_size > MAX_LOG_BYTES
        with self._log.open("wb" if is_long else "ab") as log:
            process = subprocess.Popen(
                (*self._argv, *self._more()),
                cwd=self._cwd,
                env={**os.environ, **self._surroundings, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        return PipedChild(process, self._log)


class PipedChild:
    """One started program; every method may be called from any thread."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._log = log
        self._stdin = process.stdin
        self._writing = threading.Lock()
        self._lines: queue.Queue[str | None] = queue.Queue(MAX_WAITING_LINES)
        self._is_over = threading.Event()
        self._is_read = False
        os.set_blocking(self._stdin.fileno(), False)
        threading.Thread(target=self._read, args=(process.stdout,), name=f"lines-of-{process.pid}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives; negative for a signal."""
        return self._process.poll()

    def send(self, line: str, timeout_seconds: float) -> None:
        """Hand it a line. Raises BrokenPipeError or TimeoutError; after either it must be ended."""
        data = line.encode() + b"\n"
        deadline = time.monotonic() + timeout_seconds
        with self._writing:
            if self._stdin.closed:
                raise BrokenPipeError
            poll = select.poll()
            poll.register(self._stdin.fileno(), select.POLLOUT)
            while data:
                if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise TimeoutError
                data = data[os.write(self._stdin.fileno(), data) :]

    def receive(self, timeout_seconds: float) -> str | None:
        """The next line, or None after the timeout. Raises EOFError when it has ended and all was read."""
        try:
            line = self._lines.get(timeout=0 if self._is_read else timeout_seconds)
        except queue.Empty:
            if self._is_read or self._is_over.is_set():
                raise EOFError from None
            return None
        if line is None:
            self._is_read = True
            raise EOFError
        return line

    def memory_bytes(self) -> int | None:
        """Resident memory, or None if it is gone."""
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return None

    def last_words(self) -> str:
        """The last line of its log, at most 300 characters."""
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - 4096))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][-300:].strip() if lines else ""

    def end(self, grace_seconds: float) -> None:
        """Close its input, wait, and kill it if it is still there."""
        if grace_seconds <= 0:
            self._process.kill()
        with self._writing:
            self._stdin.close()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._is_over.set()

    def _read(self, stdout: IO[bytes]) -> None:
        """Move lines into the queue until the end; a reader that stops listening slows the program down."""
        with stdout:
            while line := stdout.readline(MAX_LINE_BYTES):
                if not self._put(line.decode(errors="replace").rstrip("\n")):
                    break
        self.end(grace_seconds=5.0)
        self._put(None)

    def _put(self, line: str | None) -> bool:
        while True:
            try:
                self._lines.put(line, timeout=0.5)
            except queue.Full:
                if self._is_over.is_set():
                    return False
            else:
                return True
