"""ParameterCounts: how many parameters an order trains: by arithmetic where that is exact, else by a child."""

import contextlib
import json
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from backend.domain.line_program import LineChild, LineProgram
from backend.domain.ports import Clock
from backend.domain.run_config import HUB_ID, RunConfig
from backend.domain.trainable import Count, CountAnswer, CountOrder, How, by_arithmetic, order_of
from backend.errors import Explanation, ProcessError
from backend.services.preflight import model_folder
from backend.store.base_model_facts import ModelFacts, cached_model, model_facts
from config.catalog import DEMO_MODEL

PATIENCE_SECONDS = 240.0
SEND_SECONDS = 10.0
LISTEN_SECONDS = 0.5
FORGOTTEN_SECONDS = 20.0  # a page asks again and again while it waits; who left does not
MOST_ANSWERS = 500


class NotCounted(ProcessError):
    """The counting program gave no number; says what it said, with its id."""

    id = "parameters-not-counted"
    what = "The trainable parameters could not be counted."
    why = "The counting program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/count.log in the workspace. The run itself may still be started."

    def __init__(self, explanation: Explanation | None = None, **data: object) -> None:
        self._explanation = explanation
        super().__init__(**data)

    def explain(self) -> Explanation:
        """The program's own explanation if there is one."""
        return self._explanation or super().explain()


@dataclass(frozen=True, slots=True)
class Counting:
    """What is known now: a count, why there is none, or whether a program is at it.

    `model` is None where the files of the base model are not on this machine.
    """

    model: ModelFacts | None
    count: Count | None = None
    error: Explanation | None = None
    is_running: bool = False


class ParameterCounts:
    """Thread-safe; one program at a time, answers are remembered by what they depend on."""

    def __init__(
        self, *, program: LineProgram, clock: Clock, models_folder: Path, is_hub_offline: bool = False
    ) -> None:
        self._program = program
        self._clock = clock
        self._models_folder = models_folder
        self._is_hub_offline = is_hub_offline
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._asked: dict[str, float] = {}
        self._answers: OrderedDict[str, Future[Count]] = OrderedDict()
        self._facts: dict[tuple[str, int], ModelFacts | None] = {}

    def model(self, path: str, revision: str | None, base: Path) -> ModelFacts | None:
        """What the files of a base model tell, None where there are none on this machine."""
        folder = self._folder(path, revision, base)
        if folder is None:
            return None
        try:
            key = (str(folder), (folder / "config.json").stat().st_mtime_ns)
        except OSError:
            return None
        if key not in self._facts:
            self._facts[key] = model_facts(folder)
        return self._facts[key]

    def look(self, config: RunConfig, base: Path) -> Counting:
        """What is known at once; starts nothing."""
        model = self.model(config.base_model.path, config.base_model.revision, base)
        order = self._order(config, base)
        if model is not None:
            count = by_arithmetic(order, model.model_type, model.shapes, is_tied=model.is_tied)
            if count is not None:
                return Counting(model, count)
        with self._lock:
            future = self._answers.get(order.model_dump_json())
        if future is None:
            return Counting(model)
        if not future.done():
            return Counting(model, is_running=True)
        error = future.exception()
        if error is None:
            return Counting(model, future.result())
        return Counting(model, error=error.explain() if isinstance(error, NotCounted) else None)

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Counting:
        """The same, with a program at work on what is not known yet; waits for it, but no longer than told."""
        known = self.look(config, base)
        if known.count is not None or known.error is not None:
            return known
        key = self._order(config, base).model_dump_json()
        with self._lock:
            self._asked[key] = self._clock.monotonic()
            future = self._answers.get(key)
            if future is None or future.cancelled() or isinstance(_failure(future), _NobodyWaits):
                future = self._submit(key)
        with contextlib.suppress(TimeoutError):
            future.exception(wait_seconds)
        return self.look(config, base)

    def close(self) -> None:
        """End the program that is at work, if one is."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._asked.clear()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, key: str) -> Future[Count]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="count")
        future = self._answers[key] = self._pool.submit(self._count, key)
        while len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
        return future

    def _count(self, key: str) -> Count:
        self._check_wanted(key)
        try:
            child = self._program.start(self._environment())
        except OSError as error:
            raise NotCounted(ending=f"could not be started: {error.strerror or error}", last_words="") from error
        try:
            return self._answer(child, key)
        finally:
            child.end(0)

    def _answer(self, child: LineChild, key: str) -> Count:
        try:
            child.send(key, SEND_SECONDS)
            document = json.loads(self._heard(child, key))
            if "error" in document:
                raise NotCounted(Explanation(**document["error"]))
            told = CountAnswer.model_validate(document["count"])
        except (BrokenPipeError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise NotCounted(ending=f"ended with code {child.exit_code}", last_words=child.last_words()) from error
        except TimeoutError as error:
            ending = f"was ended after {PATIENCE_SECONDS:g} seconds"
            raise NotCounted(ending=ending, last_words=child.last_words()) from error
        return Count(told.trained, told.total, How.LAYERS)

    def _heard(self, child: LineChild, key: str) -> str:
        """All that it says until its end. Raises TimeoutError, and _NobodyWaits for an order that nobody wants now."""
        pieces: list[str] = []
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while self._clock.monotonic() < deadline:
            self._check_wanted(key)
            try:
                pieces.append(child.receive(LISTEN_SECONDS) or "")
            except EOFError:
                return "".join(pieces)
        raise TimeoutError

    def _check_wanted(self, key: str) -> None:
        if self._clock.monotonic() - self._asked.get(key, float("-inf")) > FORGOTTEN_SECONDS:
            raise _NobodyWaits

    def _order(self, config: RunConfig, base: Path) -> CountOrder:
        order = order_of(config, str(base.absolute()))
        if config.base_model.path != DEMO_MODEL:
            return order
        folder = str((self._models_folder / DEMO_MODEL).resolve())
        return order.model_copy(update={"base_model": config.base_model.model_copy(update={"path": folder})})

    def _folder(self, path: str, revision: str | None, base: Path) -> Path | None:
        if path == DEMO_MODEL:
            folder = self._models_folder / DEMO_MODEL
            return folder.resolve() if (folder / "config.json").is_file() else None
        return model_folder(path, base) or (cached_model(path, revision) if HUB_ID.match(path) else None)

    def _environment(self) -> dict[str, str]:
        quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONSAFEPATH": "1"}
        return {**quiet, "HF_HUB_OFFLINE": "1"} if self._is_hub_offline else quiet


class _NobodyWaits(Exception):
    """The page that asked is gone."""


def _failure(future: Future[Count]) -> BaseException | None:
    return future.exception() if future.done() else None
