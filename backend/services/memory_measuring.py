"""MemoryMeasuring: what a run takes by three real steps on its longest batch, as a job that can be ended."""

import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from backend.domain.line_program import LineProgram
from backend.domain.memory_record import MemoryRecord
from backend.domain.memory_steps import StepsAnswer, StepsOrder
from backend.domain.ports import Clock
from backend.domain.run_config import HUB_ID, RunConfig
from backend.errors import StorageError, UsageError
from backend.services.jobs import Job, Jobs, Key
from backend.services.memory_forecasts import Asked, MemoryForecasts
from backend.services.one_question import OneQuestion, ProgramUnanswered
from backend.services.training import as_ordered

PATIENCE_SECONDS = 1800.0
GRACE_SECONDS = 10.0
LEFT_SECONDS = 86_400.0  # a folder that is so old belongs to nobody any more
JOBS = "memory"
_STEP = re.compile(r"step (\d+) of (\d+)")


class MemoryNotMeasured(ProgramUnanswered):
    """The measuring program gave no figures; says what it said, with its id."""

    id = "memory-not-measured"
    what = "How much memory the run takes could not be measured."
    why = "The measuring program {ending}. The last line of its log: {last_words}"
    fix = "Look into logs/measure.log in the workspace. If it was killed, the run probably needs more than there is."


class MeasuringNotPossible(UsageError):
    """A run whose memory three steps of one process do not tell."""

    id = "measuring-not-possible"
    what = "The memory of this run cannot be measured by three steps."
    why = "{why}."
    fix = "Go by the forecast, or measure the run with one process."


class NoPlaceToMeasure(StorageError):
    """The folder for the steps could not be made."""

    id = "no-place-to-measure"
    what = "There is no place for three steps of the run."
    why = "{reason}."
    fix = "Make room in the workspace, or give yourself the right to write there."


class MemoryMeasuring:
    """One at a time. Nothing is left of the steps but their figures, which the forecasts keep.

    Jobs have the keys ("memory", order); their answers are MemoryRecords.
    """

    def __init__(self, *, program: LineProgram, clock: Clock, forecasts: MemoryForecasts, folder: Path) -> None:
        self._forecasts = forecasts
        self._clock = clock
        self._folder = folder
        self._question = OneQuestion(
            program, clock, MemoryNotMeasured, patience_seconds=PATIENCE_SECONDS, grace_seconds=GRACE_SECONDS
        )
        self.jobs = Jobs(max_at_once=1)

    def start(self, config: RunConfig, base: Path) -> Job:
        """Measure, unless that is being done. Raises MeasuringNotPossible."""
        if config.devices.processes > 1:
            raise MeasuringNotPossible(why="It is trained by several processes, which share the memory out otherwise")
        asked = self._forecasts.asked(config, base)
        key = self._key(asked)
        known = self.jobs.of(key)
        if known is not None and not known.is_running:
            self.jobs.forget(key)
        return self.jobs.start(
            key, "Measuring memory by three real steps", lambda job: self._measure(config, base, asked, job)
        )

    def job(self, config: RunConfig, base: Path) -> Job | None:
        """The job of this configuration, over or not; None if it was never measured since the start."""
        return self.jobs.of(self._key(self._forecasts.asked(config, base)))

    def close(self) -> None:
        """End what is being measured; its program leaves by itself."""
        running = self.jobs.running()
        self.jobs.close()
        for _, job in running:
            job.wait(2 * GRACE_SECONDS)

    def _key(self, asked: Asked) -> Key:
        return (JOBS, *asked.key)

    def _measure(self, config: RunConfig, base: Path, asked: Asked, job: Job) -> MemoryRecord:
        folder = self._place()
        try:
            order = StepsOrder(folder=str(folder), config=as_ordered(config, base)).model_dump_json()
            is_offline = self._forecasts.is_hub_offline or asked.is_here or not HUB_ID.match(config.base_model.path)
            record = self._question.ask(order, _read, lambda said: _tell(job, said), is_offline=is_offline)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if record.device != asked.order.device:
            raise MemoryNotMeasured(ending=f"trained on {record.device}, not {asked.order.device}", last_words="")
        self._forecasts.keep_measured(asked, record.measured_bytes, record.baseline_bytes)
        return record

    def _place(self) -> Path:
        """An empty folder; those that were left by a power failure go."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in self._folder.iterdir():
                with suppress(OSError):
                    if self._clock.now().timestamp() - old.stat().st_mtime > LEFT_SECONDS:
                        shutil.rmtree(old, ignore_errors=True)
            return Path(tempfile.mkdtemp(prefix="steps-", dir=self._folder))
        except OSError as error:
            raise NoPlaceToMeasure(reason=f"{self._folder}: {error.strerror or error}") from error


def _read(document: Mapping[str, Any]) -> MemoryRecord:
    record = StepsAnswer.model_validate(document).record
    if not record.is_whole:
        raise ValueError("the memory of this system cannot be measured exactly")
    return record


def _tell(job: Job, said: str) -> None:
    found = _STEP.match(said)
    job.tell(said, int(found[1]) / (int(found[2]) + 1) if found else None)
