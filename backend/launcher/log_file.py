"""What the dashboard says: all of it in a log of limited size, the end of it in memory."""

import logging
import threading
from pathlib import Path
from typing import IO

MAX_BYTES = 5_000_000
TAIL_BYTES = 4_000
CHUNK_BYTES = 65_536


class CappedLog:
    """Appends to a file; when it is full it becomes `<name>.1`, replacing the older one. Safe from many threads."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Append. A disk that takes no more loses lines; it does not stop the dashboard."""
        with self._lock:
            try:
                if self.path.exists() and self.path.stat().st_size + len(data) > self._max_bytes:
                    self.path.replace(self.path.with_name(self.path.name + ".1"))
                with self.path.open("ab") as file:
                    file.write(data)
            except OSError:
                return


class Tail:
    """The last few kilobytes of a stream."""

    def __init__(self) -> None:
        self._data = b""

    def add(self, data: bytes) -> None:
        """What came next."""
        self._data = (self._data + data)[-TAIL_BYTES:]

    def text(self, num_lines: int = 10) -> str:
        """The last lines that say something."""
        lines = [line.rstrip() for line in self._data.decode(errors="replace").splitlines() if line.strip()]
        return "\n".join(lines[-num_lines:])


class LogLines(logging.Handler):
    """The launcher's own lines, between those of the dashboard."""

    def __init__(self, log: CappedLog) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        self._log.write(f"{self.format(record)}\n".encode(errors="replace"))


def pump(stream: IO[bytes], log: CappedLog, tail: Tail | None) -> threading.Thread:
    """Move what a child says into the log until it ends, so that it never waits for us."""

    def move() -> None:
        with stream:
            while data := stream.read1(CHUNK_BYTES):  # type: ignore[attr-defined]
                log.write(data)
                if tail is not None:
                    tail.add(data)

    thread = threading.Thread(target=move, name="dashboard-log", daemon=True)
    thread.start()
    return thread
