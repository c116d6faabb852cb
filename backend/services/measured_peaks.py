"""MeasuredPeaks: what the runs of this machine took, read from their folders once and kept for forecasts."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from backend.domain.heap import heap_of
from backend.domain.memory_forecast import MemoryOrder
from backend.domain.memory_order import kind_of
from backend.domain.memory_peaks import KeptPeak, KeptPeaks, tokens_of_rows
from backend.domain.memory_record import MemoryRecord
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.errors import StudioError
from backend.executors.own_memory import c_library
from backend.store.files import read_text
from backend.store.kept_answers import KeptAnswers

MOST_PEAKS = 200  # a file of them stays below a megabyte
OrderOf = Callable[[RunConfig, Path, str, int | None], MemoryOrder]


class MeasuredPeaks:
    """Thread-safe and bounded. What was read is kept on the disk, under `version`: another one reads all anew.

    `order_of_run` gives what a run's last attempt was told.
    """

    def __init__(
        self, store: RunStore, order_of_run: Callable[[str], RunConfig], kept: KeptAnswers, version: Callable[[], str]
    ) -> None:
        self._store = store
        self.order_of_run = order_of_run
        self._kept = kept
        self._version = version
        self._lock = threading.Lock()
        self._peaks: OrderedDict[str, KeptPeak] | None = None
        self._passed: dict[str, str] = {}  # runs that left nothing to learn from, by their marks

    def version(self) -> object:
        """Changes when a run does."""
        return self._store.version()

    def known(self) -> Sequence[KeptPeak]:
        """All that was read so far; the first call reads one file."""
        with self._lock:
            return tuple(self._loaded().values())

    def read_new(self, order_of: OrderOf) -> None:
        """Look at runs that were not looked at yet, or have changed. Raises StorageError."""
        for run in self._store.list()[:MOST_PEAKS]:
            mark = run.updated_at.isoformat()
            with self._lock:
                known = self._loaded().get(run.id)
                is_known = known is not None and known.mark == mark
            if run.is_over and not is_known and self._passed.get(run.id) != mark:
                self._read(run, mark, order_of)

    def keep(self, peak: KeptPeak) -> None:
        """Remember one, instead of what was known of that run."""
        with self._lock:
            peaks = self._loaded()
            peaks[peak.run_id] = peak
            peaks.move_to_end(peak.run_id)
            while len(peaks) > MOST_PEAKS:
                peaks.popitem(last=False)
            self._kept.put(self._name(), KeptPeaks(peaks=tuple(peaks.values())).model_dump(mode="json"))

    def measured(self, run: Run) -> MemoryRecord | None:
        """What the last attempt of a run took that left a whole record; None if none did."""
        for attempt in reversed(run.attempts):
            record = MemoryRecord.from_json(read_text(RunDirectory(run.run_dir).memory(attempt.number)) or "")
            if record is not None and record.is_whole:
                return record
        return None

    def _read(self, run: Run, mark: str, order_of: OrderOf) -> None:
        record = self.measured(run)
        try:
            config = None if record is None else self.order_of_run(run.id)
        except StudioError:
            config = None
        if record is None or config is None or record.processes > 1:
            with self._lock:
                self._passed[run.id] = mark
            return
        longest = tokens_of_rows(record.rows, record.tokens, config.training.batch_size)
        self.keep(
            KeptPeak(
                run_id=run.id,
                mark=mark,
                key=kind_of(config, record.model_type, record.heap or heap_of(record.c_library or c_library(), "")),
                measured_bytes=record.measured_bytes,
                baseline_bytes=record.baseline_bytes,
                order=order_of(config, run.run_dir, record.device, longest),
            )
        )

    def _loaded(self) -> OrderedDict[str, KeptPeak]:
        """Under the lock."""
        if self._peaks is None:
            try:
                kept = KeptPeaks.model_validate(self._kept.get(self._name()) or {})
            except ValidationError:
                kept = KeptPeaks()
            self._peaks = OrderedDict((peak.run_id, peak) for peak in kept.peaks)
        return self._peaks

    def _name(self) -> str:
        return f"measured peaks {self._version()}"
