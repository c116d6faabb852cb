"""ProgramAnswers: what a program answered, remembered by what the answers depend on; one program at a time."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from backend.domain.ports import Clock
from backend.errors import Explanation
from backend.services.one_question import OneQuestion, ProgramUnanswered

FORGOTTEN_SECONDS = 20.0  # a page asks again and again while it waits; who left does not
FAILED_SECONDS = 60.0
MOST_ANSWERS = 500
Answer = TypeVar("Answer")
Key = tuple[str, object]  # an order as it is sent, and what else the answer depends on
Read = Callable[[Key, Mapping[str, Any]], Answer]


@dataclass(frozen=True, slots=True)
class Known(Generic[Answer]):
    """An answer, why there is none, or whether a program is at it; all empty where nobody has asked."""

    answer: Answer | None = None
    error: Explanation | None = None
    is_running: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether waiting changes nothing now."""
        return self.answer is not None or self.error is not None


class ProgramAnswers(Generic[Answer]):
    """Thread-safe. An order that nobody has asked about lately is dropped, a failure forgotten after a while.

    `read` makes an answer of the key and the program's document, in the thread that asked the program.
    """

    def __init__(self, question: OneQuestion, clock: Clock, read: Read[Answer], name: str) -> None:
        self._question = question
        self._clock = clock
        self._read = read
        self._name = name
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._is_closed = False
        self._asked: dict[Key, float] = {}
        self._answers: OrderedDict[Key, Future[Answer]] = OrderedDict()
        self._failed: dict[Key, float] = {}

    def look(self, key: Key) -> Known[Answer]:
        """What is known at once; starts nothing."""
        future = self._answer_to(key)
        if future is None:
            return Known()
        if not future.done():
            return Known(is_running=True)
        error = future.exception()
        if error is None:
            return Known(future.result())
        return Known(error=error.explain() if isinstance(error, ProgramUnanswered) else None)

    def ask(self, key: Key, wait_seconds: float, *, is_offline: bool, is_kept: bool = False) -> Known[Answer]:
        """The same, with a program at work on it; waits for it, but no longer than told.

        With `is_kept` the order is not dropped when nobody asks again.
        """
        future = self._answer_to(key)
        with self._lock:
            self._asked[key] = float("inf") if is_kept else self._clock.monotonic()
            if not self._is_closed and (future is None or isinstance(_failure(future), _NobodyWaits)):
                future = self._submit(key, is_offline=is_offline)
        if future is None:
            return self.look(key)
        with contextlib.suppress(TimeoutError, CancelledError):
            future.exception(wait_seconds)
        return self.look(key)

    def close(self) -> None:
        """End the program that is at work, if one is; from now on only what is known is told."""
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
            self._asked.clear()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _answer_to(self, key: Key) -> Future[Answer] | None:
        """What was found or is being looked for; a failure counts for a while only: its cause may be gone."""
        with self._lock:
            failed = self._failed.get(key)
            if failed is not None and self._clock.monotonic() - failed >= FAILED_SECONDS:
                del self._failed[key]
                self._answers.pop(key, None)
            future = self._answers.get(key)
        return None if future is None or future.cancelled() else future

    def _submit(self, key: Key, *, is_offline: bool) -> Future[Answer]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._name)
        future = self._answers[key] = self._pool.submit(self._find, key, is_offline)
        while len(self._answers) > MOST_ANSWERS:
            gone, _ = self._answers.popitem(last=False)
            self._failed.pop(gone, None)
            self._asked.pop(gone, None)
        return future

    def _find(self, key: Key, is_offline: bool) -> Answer:
        self._check_wanted(key)
        try:
            return self._question.ask(
                key[0], lambda told: self._read(key, told), lambda _: self._check_wanted(key), is_offline=is_offline
            )
        except ProgramUnanswered:
            with self._lock:
                self._failed[key] = self._clock.monotonic()
            raise

    def _check_wanted(self, key: Key) -> None:
        if self._clock.monotonic() - self._asked.get(key, float("-inf")) > FORGOTTEN_SECONDS:
            raise _NobodyWaits


class _NobodyWaits(Exception):
    """The page that asked is gone."""


def _failure(future: "Future[Any]") -> BaseException | None:
    return future.exception() if future.done() else None
