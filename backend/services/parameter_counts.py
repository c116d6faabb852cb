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
from backend.store.model_folders import signature
from config.catalog import DEMO_MODEL

PATIENCE_SECONDS = 240.0
SEND_SECONDS = 10.0
LISTEN_SECONDS = 0.5
FORGOTTEN_SECONDS = 20.0  # a page asks again and again while it waits; who left does not
FAILED_SECONDS = 60.0
MOST_ANSWERS = 500
MOST_MODELS = 32
_Key = tuple[str, object]  # an order as it is sent, and the state of the model's files


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
        self.is_hub_offline = is_hub_offline
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._asked: dict[_Key, float] = {}
        self._answers: OrderedDict[_Key, Future[Count]] = OrderedDict()
        self._failed: dict[_Key, float] = {}
        self._facts: OrderedDict[Path, tuple[object, ModelFacts | None]] = OrderedDict()

    def model(self, path: str, revision: str | None, base: Path) -> ModelFacts | None:
        """What the files of a base model tell, None where there are none on this machine."""
        folder = self._folder(path, revision, base)
        if folder is None:
            return None
        try:
            version = signature(folder)
        except OSError:
            return None
        with self._lock:
            known = self._facts.get(folder)
        if known is None or known[0] != version:
            known = version, model_facts(folder)
        with self._lock:
            self._facts[folder] = known
            self._facts.move_to_end(folder)
            while len(self._facts) > MOST_MODELS:
                self._facts.popitem(last=False)
        return known[1]

    def look(self, config: RunConfig, base: Path) -> Counting:
        """What is known at once; starts nothing."""
        model = self.model(config.base_model.path, config.base_model.revision, base)
        order = self._order(config, base)
        if model is not None:
            count = by_arithmetic(order, model.model_type, model.shapes, is_tied=model.is_tied)
            if count is not None:
                return Counting(model, count)
        future = self._answer_to(self._key(order, base))
        if future is None:
            return Counting(model)
        if not future.done():
            return Counting(model, is_running=True)
        error = future.exception()
        if error is None:
            return Counting(model, future.result())
        return Counting(model, error=error.explain() if isinstance(error, NotCounted) else None)

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Counting:
        """The same, with a program at work on what is not known yet; waits for it, but no longer than told.

        The hub is asked only for a model whose files are not on this machine.
        """
        known = self.look(config, base)
        if known.count is not None or known.error is not None:
            return known
        key = self._key(self._order(config, base), base)
        future = self._answer_to(key)
        with self._lock:
            self._asked[key] = self._clock.monotonic()
            if future is None or isinstance(_failure(future), _NobodyWaits):
                future = self._submit(key, is_offline=self.is_hub_offline or known.model is not None)
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

    def _key(self, order: CountOrder, base: Path) -> _Key:
        """What an answer depends on: the order, and the files of a model that lies in a folder."""
        folder = model_folder(order.base_model.path, base)
        try:
            return order.model_dump_json(), signature(folder) if folder else None
        except OSError:
            return order.model_dump_json(), None

    def _answer_to(self, key: _Key) -> Future[Count] | None:
        """What was found or is being looked for; a failure counts for a while only: its cause may be gone."""
        with self._lock:
            failed = self._failed.get(key)
            if failed is not None and self._clock.monotonic() - failed >= FAILED_SECONDS:
                del self._failed[key]
                self._answers.pop(key, None)
            future = self._answers.get(key)
        return None if future is None or future.cancelled() else future

    def _submit(self, key: _Key, *, is_offline: bool) -> Future[Count]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="count")
        future = self._answers[key] = self._pool.submit(self._count, key, is_offline)
        while len(self._answers) > MOST_ANSWERS:
            gone, _ = self._answers.popitem(last=False)
            self._failed.pop(gone, None)
            self._asked.pop(gone, None)
        return future

    def _count(self, key: _Key, is_offline: bool) -> Count:
        try:
            return self._counted(key, is_offline=is_offline)
        except NotCounted:
            with self._lock:
                self._failed[key] = self._clock.monotonic()
            raise

    def _counted(self, key: _Key, *, is_offline: bool) -> Count:
        self._check_wanted(key)
        try:
            child = self._program.start(_environment(is_offline=is_offline))
        except OSError as error:
            raise NotCounted(ending=f"could not be started: {error.strerror or error}", last_words="") from error
        try:
            return self._answer(child, key)
        finally:
            child.end(0)

    def _answer(self, child: LineChild, key: _Key) -> Count:
        try:
            child.send(key[0], SEND_SECONDS)
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

    def _heard(self, child: LineChild, key: _Key) -> str:
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

    def _check_wanted(self, key: _Key) -> None:
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


class _NobodyWaits(Exception):
    """The page that asked is gone."""


def _environment(*, is_offline: bool) -> dict[str, str]:
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONSAFEPATH": "1"}
    return {**quiet, "HF_HUB_OFFLINE": "1"} if is_offline else quiet


def _failure(future: Future[Count]) -> BaseException | None:
    return future.exception() if future.done() else None
