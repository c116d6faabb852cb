"""ChatTurn: one question on its way to its answer, and how long each part may take."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, Done, Failed, Progress, Token
from backend.domain.chat_lines import parse_event
from backend.domain.line_program import LineChild
from backend.domain.ports import Clock
from backend.services.chat_errors import ChatSilent

SLICE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Patience:
    """Longest waits: for another answer, for loading, between two tokens, for a stop, a pipe, an end."""

    busy_seconds: float = 120.0
    loading_seconds: float = 1800.0
    answering_seconds: float = 300.0
    stop_seconds: float = 5.0
    send_seconds: float = 5.0
    end_seconds: float = 3.0


class ChatTurn:
    """Listens to the process until this question is answered, and to nothing about other questions."""

    def __init__(self, request: ChatRequest, clock: Clock, patience: Patience) -> None:
        self.request = request
        self.is_loading = True
        self.was_heard = False
        self._clock = clock
        self._patience = patience
        self._num_tokens = 0
        self._started_at = self._heard_at = clock.monotonic()
        self._stopped_at: float | None = None
        self._lock = threading.Lock()

    @property
    def is_stopped(self) -> bool:
        """Whether somebody wants no more of this answer."""
        return self._stopped_at is not None

    def stop(self) -> None:
        """From now on the process has only `stop_seconds` to end the answer."""
        with self._lock:
            if self._stopped_at is None:
                self._stopped_at = self._clock.monotonic()

    def stopped(self) -> Done:
        """The end of an answer that was cut off from this side."""
        return Done(self._num_tokens, self._clock.monotonic() - self._started_at, "stopped")

    def events(self, child: LineChild) -> Iterator[ChatEvent]:
        """Everything about this question, up to its Done or Failed.

        Raises EOFError if the process ended and ChatSilent if it says nothing; one that does not obey a stop
        is ended, and the answer with it.
        """
        self._heard_at = self._clock.monotonic()
        while True:
            event = self._mine(child.receive(SLICE_SECONDS))
            if event is not None:
                self._note(event)
            if not isinstance(event, Done | Failed):
                self._lose_patience(child)
            if event is not None:
                yield event
            if isinstance(event, Done | Failed):
                return

    def drain(self, child: LineChild) -> bool:
        """Listen to the end of an answer that nobody wants. False if it does not come in time."""
        try:
            return any(isinstance(event, Done | Failed) for event in self.events(child))
        except (EOFError, ChatSilent):
            return False

    def _mine(self, line: str | None) -> ChatEvent | None:
        parsed = parse_event(line) if line is not None else None
        return parsed[1] if parsed is not None and parsed[0] == self.request.id else None

    def _note(self, event: ChatEvent) -> None:
        self._heard_at = self._clock.monotonic()
        self.was_heard = True
        if isinstance(event, Token):
            self._num_tokens = event.num_tokens
        if not isinstance(event, Progress):
            self.is_loading = False
        elif event.phase is ChatPhase.READING:
            self.is_loading = False
            self._started_at = self._heard_at

    def _lose_patience(self, child: LineChild) -> None:
        now = self._clock.monotonic()
        stopped_at = self._stopped_at
        if stopped_at is not None and now - stopped_at > self._patience.stop_seconds:
            child.end(0)
            raise EOFError
        limit = self._patience.loading_seconds if self.is_loading else self._patience.answering_seconds
        if now - self._heard_at > limit:
            child.end(0)
            raise ChatSilent(seconds=limit)
