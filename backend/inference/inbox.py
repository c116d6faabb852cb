"""Inbox: the orders of the parent, read by a thread that also notices when the parent is gone."""

import os
import queue
import threading
from collections.abc import Iterator

from backend.domain.chat import ChatRequest
from backend.domain.chat_lines import Stop, parse_order

GRACE_SECONDS = 1.0
CHUNK_BYTES = 65_536


class Inbox:
    """Hands out requests in order; stops are seen at once, also for requests that wait."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._requests: queue.Queue[ChatRequest | None] = queue.Queue()
        self._stopped: set[str] = set()  # as many as a person clicks
        self._is_gone = threading.Event()

    def start(self) -> None:
        """Begin to read. When the input ends, the program ends: at once if idle, else within a second."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next(self, timeout_seconds: float) -> ChatRequest | None:
        """The next request; None when the parent is gone or silent for so long."""
        try:
            return self._requests.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def is_stopped(self, request_id: str) -> bool:
        """Whether this answer is no longer wanted."""
        return self._is_gone.is_set() or request_id in self._stopped

    def _lines(self) -> Iterator[bytes]:
        """Not through sys.stdin: Python aborts at its end if a thread still waits inside a buffered reader."""
        buffered = b""
        while chunk := os.read(self._descriptor, CHUNK_BYTES):
            *lines, buffered = (buffered + chunk).split(b"\n")
            yield from lines

    def _read(self) -> None:
        for line in self._lines():
            match parse_order(line):
                case Stop(id=request_id):
                    self._stopped.add(request_id)
                case ChatRequest() as request:
                    self._requests.put(request)
                case None:
                    continue
        self._is_gone.set()
        self._requests.put(None)
        threading.Event().wait(GRACE_SECONDS)
        os._exit(0)  # nothing here is worth saving, and loading a model cannot be interrupted otherwise
