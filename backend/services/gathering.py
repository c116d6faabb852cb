"""Gathering: answers to many slow questions, found one after another by one thread while others go on."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Key, Value]):
    """What is known by now, and how many of the questions have no answer yet."""

    known: Mapping[Key, Value]
    num_left: int


class Gathering(Generic[Key, Value]):
    """Thread-safe. A key has its version in it: an answer never gets old, it is only not asked for any more.

    `find` runs in a thread that begins with the first question and ends with the last. What it raises is
    logged, and `failed` is the answer. Of more than `most` answers the ones asked for least recently go.
    """

    def __init__(self, find: Callable[[Key], Value], failed: Callable[[Key], Value], most: int = 20_000) -> None:
        self._find = find
        self._failed = failed
        self._most = most
        self._changed = threading.Condition()
        self._known: OrderedDict[Key, Value] = OrderedDict()
        self._waiting: OrderedDict[Key, None] = OrderedDict()
        self._is_at_work = False

    def ask(self, keys: Sequence[Key]) -> Gathered[Key, Value]:
        """The answers that there are; the others are being found from now on, instead of what was asked before."""
        with self._changed:
            known = {key: self._known[key] for key in keys if key in self._known}
            for key in known:
                self._known.move_to_end(key)
            self._waiting = OrderedDict.fromkeys(key for key in keys if key not in known)
            if self._waiting and not self._is_at_work:
                self._is_at_work = True
                threading.Thread(target=self._work, name="gathering", daemon=True).start()
            return Gathered(known, len(self._waiting))

    def wait(self, seconds: float) -> bool:
        """Until an answer is found, or so long; whether nothing is being looked for any more."""
        with self._changed:
            if self._is_at_work:
                self._changed.wait(seconds)
            return not self._is_at_work

    def _work(self) -> None:
        while (key := self._next()) is not None:
            try:
                value = self._find(key)
            except Exception:  # the outermost frame of a thread: one bad folder must not end all of them
                logging.getLogger(__name__).exception("a question stays without an answer: %s", key)
                value = self._failed(key)
            with self._changed:
                self._known[key] = value
                self._waiting.pop(key, None)
                while len(self._known) > self._most:
                    self._known.popitem(last=False)
                self._changed.notify_all()

    def _next(self) -> Key | None:
        with self._changed:
            key = next(iter(self._waiting), None)
            if key is None:
                self._is_at_work = False
                self._changed.notify_all()
            return key
