"""MemoryForecasts: how much memory an order will take: traced by a child, corrected by what runs really took."""

import contextlib
import hashlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from backend.domain.line_program import LineProgram
from backend.domain.memory_calibration import forecast
from backend.domain.memory_fit import Forecasting, RunMemory
from backend.domain.memory_forecast import MemoryForecast, MemoryOrder, MemoryTrace
from backend.domain.memory_line import place_of
from backend.domain.memory_order import kind_of, memory_order
from backend.domain.memory_peaks import KeptPeak, as_measured, middle
from backend.domain.ports import Clock
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.errors import StorageError, StudioError
from backend.executors.own_memory import heap_of_trainers
from backend.services.measured_peaks import MeasuredPeaks
from backend.services.memory_room import MemoryRoom
from backend.services.model_files import ModelFiles
from backend.services.one_question import OneQuestion, ProgramUnanswered
from backend.services.program_answers import Key, ProgramAnswers
from backend.store.base_model_facts import model_folder
from backend.store.kept_answers import KeptAnswers

PATIENCE_SECONDS = 300.0
MOST_LEARNED = 4  # earlier runs that are traced for one forecast, each some seconds of a processor
Longest = Callable[[RunConfig, Path], int | None]


class MemoryNotForecast(ProgramUnanswered):
    """The forecasting program gave no figures; says what it said, with its id."""

    id = "memory-not-forecast"
    what = "How much memory the run takes could not be forecast."
    why = "The forecasting program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/forecast.log in the workspace. The run itself may still be started."


@dataclass(frozen=True, slots=True)
class Asked:
    """A configuration as forecasts see it. `is_here`: its model's files are on this machine."""

    order: MemoryOrder
    key: Key
    kind: str
    is_here: bool
    room_bytes: int | None


class MemoryForecasts:
    """Thread-safe; one program at a time. Traces are kept on the disk by what they depend on.

    `longest` tells the longest row in tokens where that is known, `version` changes with libraries and code.
    """

    def __init__(
        self,
        *,
        program: LineProgram,
        clock: Clock,
        files: ModelFiles,
        kept: KeptAnswers,
        room: MemoryRoom,
        peaks: MeasuredPeaks,
        version: Callable[[], str],
        longest: Longest = lambda _config, _base: None,
        is_hub_offline: bool = False,
    ) -> None:
        self._files = files
        self._kept = kept
        self._room = room
        self.peaks = peaks
        self._version = version
        self.longest = longest
        self.is_hub_offline = is_hub_offline
        question = OneQuestion(program, clock, MemoryNotForecast, patience_seconds=PATIENCE_SECONDS)
        self._answers: ProgramAnswers[MemoryTrace] = ProgramAnswers(question, clock, self._read, "forecast")
        self._lock = threading.Lock()
        self._learner: ThreadPoolExecutor | None = None
        self._learning: Future[None] | None = None
        self._learned: object = None
        self._is_closed = False

    def look(self, config: RunConfig, base: Path, *, without: str = "") -> Forecasting:
        """What is known at once; starts nothing. What the run `without` took is left out of it."""
        asked = self.asked(config, base)
        found = self._forecast(self._trace(asked.key), asked, without)
        if found is not None:
            return Forecasting(found, room_bytes=asked.room_bytes, is_calibrating=self._learning is not None)
        known = self._answers.look(asked.key)
        return Forecasting(None, known.error, known.is_running, asked.room_bytes)

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Forecasting:
        """The same, with a program at work on what is not known yet; waits for it, but no longer than told.

        The hub is asked only for a model whose files are not on this machine.
        """
        known = self.look(config, base)
        if known.error is not None:
            return known
        asked = self.asked(config, base)
        if known.forecast is None:
            is_offline = self.is_hub_offline or asked.is_here
            self._answers.ask(asked.key, wait_seconds, is_offline=is_offline)
        else:
            self._learn(asked, wait_seconds)
        return self.look(config, base)

    def of_run(self, run: Run) -> RunMemory:
        """What a run took, beside what is forecast for it without having seen it."""
        record = self.peaks.measured(run)
        try:
            config = self.peaks.order_of_run(run.id)
        except StudioError:
            return RunMemory(None, record)
        found = self.look(config, run.run_dir, without=run.id).forecast
        is_comparable = record is None or found is None or found.device == record.device
        return RunMemory(found if is_comparable else None, record)

    def asked(self, config: RunConfig, base: Path) -> Asked:
        """What is asked for a configuration."""
        room = self._room.of(config.devices)
        model = self._files.facts(config.base_model.path, config.base_model.revision, base)
        order = self.order(config, base, room.device, self.longest(config, base))
        kind = kind_of(config, model.model_type if model else "", heap_of_trainers())
        return Asked(order, self._key(order), kind, model is not None, room.free_bytes)

    def order(self, config: RunConfig, base: Path, device: str, longest: int | None) -> MemoryOrder:
        """As the program takes it: whoever asks for the same model by another path gets the same answer."""
        choice = self._files.placed(config.base_model)
        folder = model_folder(choice.path, base)
        if folder is not None:
            choice = choice.model_copy(update={"path": str(folder.resolve())})
        return memory_order(config, "/", device, choice, longest)

    def keep_measured(self, asked: Asked, measured_bytes: int, baseline_bytes: int) -> None:
        """Remember what three real steps took; it holds for exactly this order, and corrects those like it."""
        name = _measured(asked)
        self._kept.put(name, {"measured_bytes": measured_bytes, "baseline_bytes": baseline_bytes})
        self.peaks.keep(
            KeptPeak(
                run_id=f"three steps {hashlib.sha256(name.encode()).hexdigest()[:16]}",
                mark="",
                key=asked.kind,
                measured_bytes=measured_bytes,
                baseline_bytes=baseline_bytes,
                order=asked.order,
                trace=self._trace(asked.key),
            )
        )

    def close(self) -> None:
        """End the program that is at work, if one is."""
        with self._lock:
            self._is_closed = True
            learner, self._learner = self._learner, None
        self._answers.close()
        if learner is not None:
            learner.shutdown(wait=True, cancel_futures=True)

    def _forecast(self, trace: MemoryTrace | None, asked: Asked, without: str) -> MemoryForecast | None:
        """Of what is known: steps that were measured, or else a trace with what others took."""
        device = asked.order.device
        measured = self._kept.get(_measured(asked))
        if measured is not None:
            return as_measured(trace, device, measured["measured_bytes"], measured["baseline_bytes"])
        if trace is None:
            return None
        peaks = [peak for peak in self.peaks.known() if peak.device == device and peak.run_id != without]
        records = [record for peak in peaks if (record := peak.record()) is not None]
        return forecast(trace, device, asked.kind, records, middle([peak.baseline_bytes for peak in peaks]))

    def _trace(self, key: Key) -> MemoryTrace | None:
        known = self._answers.look(key).answer
        if known is not None:
            return known
        kept = self._kept.get(_name(key))
        try:
            return None if kept is None else MemoryTrace.model_validate(kept)
        except ValidationError:
            return None

    def _key(self, order: MemoryOrder) -> Key:
        return order.model_dump_json(), (self._files.version(order.config.base_model, Path("/")), self._version())

    def _read(self, key: Key, document: Mapping[str, Any]) -> MemoryTrace:
        trace = MemoryTrace.model_validate(document["trace"])
        self._kept.put(_name(key), trace.model_dump(mode="json"))
        return trace

    # What earlier runs took

    def _learn(self, asked: Asked, wait_seconds: float) -> None:
        """Look at new runs, and trace those like this one; not again until something has changed."""
        mark = (self.peaks.version(), asked.order.device, asked.kind)
        with self._lock:
            if self._is_closed or (self._learning is None and self._learned == mark):
                return
            if self._learning is None:
                self._learner = self._learner or ThreadPoolExecutor(max_workers=1, thread_name_prefix="peaks")
                self._learning, self._learned = self._learner.submit(self._study, asked), mark
            learning = self._learning
        with contextlib.suppress(TimeoutError, CancelledError):
            learning.exception(wait_seconds)

    def _study(self, asked: Asked) -> None:
        try:
            self.peaks.read_new(self.order)
            peaks = reversed(self.peaks.known())
            unknown = [peak for peak in peaks if peak.trace is None and _is_alike(peak, asked)]
            for peak in unknown[:MOST_LEARNED]:
                key = self._key(peak.order)
                if self._trace(key) is None and not self._is_closed:
                    self._answers.ask(key, PATIENCE_SECONDS, is_offline=True, is_kept=True)
                trace = self._trace(key)
                if trace is not None:
                    self.peaks.keep(peak.model_copy(update={"trace": trace}))
        except StorageError as error:
            logging.getLogger(__name__).warning("earlier runs are left out of memory forecasts: %s", error)
        finally:
            with self._lock:
                self._learning = None


def _name(key: Key) -> str:
    return f"trace {key[0]} {key[1]!r}"


def _measured(asked: Asked) -> str:
    return f"three steps {place_of(asked.order.device, asked.kind)} {asked.key[0]} {asked.key[1]!r}"


def _is_alike(peak: KeptPeak, asked: Asked) -> bool:
    return (peak.key, peak.device) == (asked.kind, asked.order.device)
